"""Accuracy from loss, fitted by the command line in a process of its own: fitting needs scipy, never loaded here.

The record that comes back is evaluated with numpy. Slow (a second or two), so it is asked from a thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scalelab
from scalelab.gate import clean
from scalelab.lab.paths import lab_paths

if TYPE_CHECKING:
    from scalelab.laws import Link
    from scalelab.report.source import Subject

SECONDS, STEP = 60.0, 0.1
UNKNOWN = "accuracy is not told: the finished runs could not be asked"
_TIED = """
import sys
from scalelab.lab import tether
tether.die_with_parent(int(sys.argv[1]))
from scalelab.cli.main import main
sys.exit(main(sys.argv[2:]))
"""
"""The command line, ended with the app: nobody waits for what it says when that was killed."""


def link_of(root: Path, subject: Subject, stop: Callable[[], bool] = lambda: False) -> tuple[Link | None, str]:
    """The link of a lab's finished runs, or why there is none; neither where there is no lab or nobody waits."""
    from scalelab.laws import Link

    if not lab_paths(root).exists:
        return None, ""
    n_params, n_tokens = float(subject.runs.n_params.max()), float(subject.runs.n_tokens.max())
    chosen = subject.origin.words[1:] if subject.origin is not None else ()
    words = ["predict", str(root), *chosen, "--params", f"{n_params:.0f}", "--tokens", f"{n_tokens:.0f}", "--json"]
    told = _ask(words, stop)
    if told is None:
        return None, UNKNOWN
    try:
        return (Link.from_dict(told["link"]) if told["link"] else None), clean(str(told["no_link"] or ""), 200)
    except (KeyError, TypeError, ValueError):
        return None, UNKNOWN


def _ask(words: list[str], stop: Callable[[], bool]) -> dict[str, Any] | None:
    inside = str(Path(scalelab.__file__).parents[1])
    path = os.pathsep.join(filter(None, [inside, os.environ.get("PYTHONPATH")]))
    try:
        # -P: a file of the user's folder must not become a module of ours.
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", _TIED, str(os.getpid()), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    except OSError:
        return None
    said = _heard(child, stop)
    try:
        told = json.loads(said) if child.returncode == 0 else None
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _heard(child: subprocess.Popen[bytes], stop: Callable[[], bool]) -> bytes:
    """What it says; nothing, and its end, where nobody waits any more or it takes too long."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            return child.communicate(timeout=STEP)[0]
        except subprocess.TimeoutExpired:
            if stop() or time.monotonic() > end:
                child.kill()
                child.communicate()
                return b""
