"""Programs in terminals that control them: for Ctrl-C, Ctrl-Z, hang-up, resizing, and nobody who reads."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.lab import mini

PATIENCE = 90.0
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


def environment(work: Path, **more: str) -> dict[str, str]:
    """Of a program that writes nothing outside a folder."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SCALELAB", "TEXTUAL", "COLUMNS"))
    }
    cache = os.environ.get("SCALELAB_CACHE", str(work / "cache"))
    return kept | {
        "PYTHONPATH": str(mini.ROOT), "SCALELAB_CACHE": cache, "XDG_STATE_HOME": str(work / "state"),
        "XDG_CONFIG_HOME": str(work / "config"), "TERM": "xterm-256color", **more,
    }  # fmt: skip


class Terminal:
    """A pty with a program in it."""

    def __init__(self, work: Path, *command: str, size: tuple[int, int] = (100, 30), **more: str) -> None:
        self._ours, self._theirs = os.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self._theirs)
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, *command], stdin=self._theirs, stdout=self._theirs,
            stderr=self._theirs, cwd=work, env=environment(work, **more), start_new_session=True,
        )  # fmt: skip
        self.seen, self.family = "", [psutil.Process(self.process.pid)]

    @property
    def modes(self) -> list[Any]:
        """What the terminal does with its input and output now."""
        return termios.tcgetattr(self._theirs)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def look(self, seconds: float = 0.0) -> None:
        """Take what is there, and what comes in so many seconds."""
        end = time.monotonic() + seconds
        while select.select([self._ours], [], [], max(end - time.monotonic(), 0.0))[0]:
            self.seen += os.read(self._ours, 65_536).decode("utf-8", "replace")
            if time.monotonic() > end:
                return

    def until(self, there: Callable[[], bool], what: str, patience: float = PATIENCE) -> float:
        """Read until something is so; seconds."""
        began = time.monotonic()
        while not there():
            over = time.monotonic() - began > patience or (what != "end" and self.process.poll() is not None)
            self.look(0.05)
            assert not over or there(), f"no {what}; seen: {self.seen[-3000:]}"
        return time.monotonic() - began

    def ends(self) -> float:
        """Read until the program has ended; seconds."""
        took = self.until(lambda: self.process.poll() is not None, "end")
        self.look(0.1)
        return took

    def known(self) -> list[psutil.Process]:
        """All processes that it has had."""
        top = self.family[0]
        if top.is_running():
            here = {one.pid for one in self.family}
            self.family += [one for one in top.children(recursive=True) if one.pid not in here]
        return self.family

    def left(self, patience: float = 1.0) -> list[psutil.Process]:
        """Those that are still there, a moment after its end: one that is ended takes a while over its memory."""
        deadline = time.monotonic() + patience
        while mini.alive(self.known()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return mini.alive(self.known())

    def hang_up(self) -> None:
        """Close it under the program."""
        os.close(self._ours)
        self._ours = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in mini.alive(self.known()):
            one.kill()
        self.process.wait()
        if self._ours >= 0:
            os.close(self._ours)
        os.close(self._theirs)


def scalelab(*arguments: object) -> list[str]:
    """The command line of the program under test."""
    return [sys.executable, "-P", "-m", "scalelab", *map(str, arguments)]
