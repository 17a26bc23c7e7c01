"""Accuracy from loss, fitted by the command line in a process of its own: fitting needs scipy, never loaded here.

The record that comes back is evaluated with numpy. Slow (a second or two), so it is asked from a thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scalelab
from scalelab.gate import clean
from scalelab.lab.paths import lab_paths

if TYPE_CHECKING:
    from scalelab.laws import Link
    from scalelab.report.source import Subject

SECONDS = 60.0
UNKNOWN = "accuracy is not told: the finished runs could not be asked"


def link_of(root: Path, subject: Subject) -> tuple[Link | None, str]:
    """The link of a lab's finished runs, or why there is none; neither where there is no lab."""
    from scalelab.laws import Link

    if not lab_paths(root).exists:
        return None, ""
    n_params, n_tokens = float(subject.runs.n_params.max()), float(subject.runs.n_tokens.max())
    told = _ask(["predict", str(root), "--params", f"{n_params:.0f}", "--tokens", f"{n_tokens:.0f}", "--json"])
    if told is None:
        return None, UNKNOWN
    try:
        return (Link.from_dict(told["link"]) if told["link"] else None), clean(str(told["no_link"] or ""), 200)
    except (KeyError, TypeError, ValueError):
        return None, UNKNOWN


def _ask(words: list[str]) -> dict[str, Any] | None:
    inside = str(Path(scalelab.__file__).parents[1])
    path = os.pathsep.join(filter(None, [inside, os.environ.get("PYTHONPATH")]))
    try:
        # -P: a file of the user's folder must not become a module of ours.
        said = subprocess.run(
            [sys.executable, "-P", "-m", "scalelab", *words], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=SECONDS, check=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        ).stdout  # fmt: skip
        told = json.loads(said)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return told if isinstance(told, dict) else None
