"""Training is started by a process of its own, `scalelab run --detach`, whose talk is shown while it prepares a lab.

Making a lab reads a corpus and probes a device with libraries that must not enter the app's process; and a killed app
must not leave half a lab behind: the starter has a session of its own and goes on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.message import Message

import scalelab
from scalelab.errors import ScalelabError
from scalelab.gate import clean


class StartTold(Message):
    """Something that the starter said."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__()


class Started(Message):
    """A supervisor owns the lab."""

    def __init__(self, root: Path) -> None:
        self.root = root
        super().__init__()


class StartFailed(Message):
    """The lab was not started."""

    def __init__(self, root: Path, error: ScalelabError) -> None:
        self.root, self.error = root, error
        super().__init__()


def start(arguments: Sequence[str], root: Path, post: Callable[[Message], object]) -> threading.Thread:
    """Run `scalelab run ARGUMENTS --lab ROOT --detach` and post what comes of it; returns at once.

    `arguments` say which preset; none for a lab that is there.
    """
    thread = threading.Thread(target=_follow, args=(tuple(arguments), root, post), name="scalelab-start", daemon=True)
    thread.start()
    return thread


def command(arguments: Sequence[str], root: Path) -> list[str]:
    """The whole command."""
    # -P: a file of the user's folder must not become a module of ours.
    return [sys.executable, "-P", "-m", "scalelab", "run", *arguments, "--lab", str(root), "--detach", "--json"]


def _follow(arguments: Sequence[str], root: Path, post: Callable[[Message], object]) -> None:
    inside = str(Path(scalelab.__file__).parents[1])
    path = os.pathsep.join(filter(None, [inside, os.environ.get("PYTHONPATH")]))
    try:
        child = subprocess.Popen(
            command(arguments, root), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"},
        )  # fmt: skip
    except OSError as problem:
        post(StartFailed(root, ScalelabError("nothing can be started here", todo=problem.strerror or "")))
        return
    assert child.stdout is not None and child.stderr is not None
    last = ""
    for line in child.stderr:
        if line.strip():
            last = clean(line, 300)
            post(StartTold(last))
    answer = child.stdout.read()
    if child.wait() == 0:
        post(Started(root))
    else:
        post(StartFailed(root, _error(answer, last)))


def _error(answer: str, last: str) -> ScalelabError:
    try:
        told = json.loads(answer.splitlines()[-1])["error"]
        return ScalelabError(str(told["what"]), allowed=str(told["allowed"]), todo=str(told["todo"]))
    except (ValueError, LookupError, TypeError):
        return ScalelabError("the lab was not started", todo=last)
