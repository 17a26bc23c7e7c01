"""The sweep of the soak: forty runs and more, each of a second or two, with all that must come out alike of them."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from scalelab.errors import ScalelabError
from scalelab.lab.paths import LabPaths
from scalelab.records import RunState
from scalelab.store.reader import Reader
from tests.lab import mini

SHAPES = ("8x1", "8x2", "16x1", "16x2", "24x1", "24x2", "32x1", "32x2", "40x1", "40x2")
TOKENS = (32_000, 64_000, 128_000)
_LANE = 1 + len(TOKENS)
"""Runs of a shape and a seed: the trunk and its branches."""


def make(folder: Path, text: Path, runs: int) -> LabPaths:
    """A lab of at least so many runs, not yet trained."""
    lanes = math.ceil(runs / _LANE)
    seeds = math.ceil(lanes / len(SHAPES))
    shapes = SHAPES[: math.ceil(lanes / seeds)]
    return mini.make(
        folder, text, ladder={"shapes": list(shapes)}, budgets={"tokens": list(TOKENS)}, seeds=list(range(seeds))
    )


def environment(work: Path) -> dict[str, str]:
    """Of every process: nothing is written outside the folder of the soak."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCALELAB", "TEXTUAL"))}
    (work / "tmp").mkdir(exist_ok=True)
    return kept | {
        "PYTHONPATH": str(mini.ROOT), "SCALELAB_CACHE": str(work / "cache"), "TMPDIR": str(work / "tmp"),
        "XDG_STATE_HOME": str(work / "state"), "XDG_CONFIG_HOME": str(work / "config"), "TERM": "xterm-256color",
    }  # fmt: skip


def is_done(paths: LabPaths) -> bool:
    """Whether every run is; False where the store does not answer now."""
    try:
        with Reader(paths.store, busy_seconds=0.1) as reader:
            return all(row.state is RunState.DONE for row in reader.runs())
    except ScalelabError:
        return False


def rows(paths: LabPaths) -> int | None:
    """Points that the store shows to everybody; None where it does not answer now."""
    try:
        with Reader(paths.store, busy_seconds=0.1) as reader:
            return sum(len(reader.points(row.run)) for row in reader.runs())
    except ScalelabError:
        return None


def curves(paths: LabPaths) -> dict[str, list[tuple[Any, ...]]]:
    """Of every run all its points, with everything that the arithmetic alone decides."""
    with Reader(paths.store) as reader:
        return {
            row.run: [(p.step, p.n_tokens, p.loss, p.lr, p.grad_norm) for p in reader.points(row.run)]
            for row in reader.runs()
        }
