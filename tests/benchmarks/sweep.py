"""The whole tiny sweep: `scalelab run --preset tiny` against the guide's Trainer, one run after another.

Ours is the whole command, from the shell to the law. Trainer's time is its measured rate at each rung, over the
tokens of every run trained from its start, without its start-up and its evaluations: less than it would take.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scalelab import plan, preset_files
from scalelab.records import TokenSet
from tests.benchmarks.training import make_tokens

GUIDE_BATCH = 4


def ours(folder: Path) -> float:
    """Seconds of the whole command, with an empty token cache."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "scalelab", "run", "--preset", "tiny", "--lab", str(folder / "lab")],
        env={**os.environ, "SCALELAB_CACHE": str(folder / "cache")}, check=True, capture_output=True,
    )  # fmt: skip
    return time.perf_counter() - began


def trainer(peer: str, batch: int | None, tokens: TokenSet, seconds: float) -> float:
    """Seconds that this Trainer needs for every point of the grid."""
    from tests.benchmarks.peers import PEERS

    preset = preset_files.load("tiny")
    grid = plan.make_plan(preset, plan.choose_device(preset.hardware))
    total = 0.0
    for rung in grid.rungs:
        of_rung = [spec for spec in grid.runs if spec.rung == rung.name and spec.parent is not None]
        rate = PEERS[peer](rung.shape, batch or of_rung[0].batch_sequences, tokens, seconds)
        total += sum(spec.n_tokens for spec in of_rung) / rate
        print(f"{peer}, {rung.name}: {rate:,.0f} tokens/s", file=sys.stderr, flush=True)
    return total


def main(arguments: list[str]) -> None:
    """Print the three times and two ratios."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks sweep", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement of Trainer")
    seconds = parser.parse_args(arguments).seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mine = ours(folder)
        tokens = make_tokens(folder)
        guide = trainer("guide", GUIDE_BATCH, tokens, seconds)
        same = trainer("trainer", None, tokens, seconds)
    print(f"scalelab run --preset tiny, from the shell to the law: {mine:.0f} s")
    print(f"Trainer as in the guide (batch {GUIDE_BATCH}, dropout .1): {guide:.0f} s, {guide / mine:.1f} × ours")
    print(f"Trainer at our batch, no dropout:                   {same:.0f} s, {same / mine:.1f} × ours")
