"""Whom the soak has started, and nobody else: supervisors with their families, and an app in a terminal of its own."""

from __future__ import annotations

import ctypes
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.lab import mini
from tests.reliability.terminals import TAKE_TERMINAL

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Have what loses its parent become a child of ours: then nothing that we started can hide from us."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Supervisor:
    """One session of training, with all that it starts."""

    def __init__(self, lab: Path, environment: dict[str, str], log: Path) -> None:
        self._log = log
        self._began = log.stat().st_size if log.exists() else 0
        with log.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.soak.driver", str(lab)],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment, start_new_session=True,
                cwd=lab.parent,
            )  # fmt: skip
        self.known: dict[int, psutil.Process] = {}

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """What it wrote."""
        return self._log.read_bytes()[self._began :].decode(errors="replace")

    def family(self) -> list[psutil.Process]:
        """All that it has started and that is there now, itself the first; kept for a look after its death."""
        with suppress(psutil.Error):
            top = psutil.Process(self.pid)
            for one in (top, *top.children(recursive=True)):
                self.known.setdefault(one.pid, one)
        return mini.alive(list(self.known.values()))

    def workers(self) -> dict[psutil.Process, Path]:
        """Those that train, and the folder of the run that each works on."""
        found = {}
        for one in self.family()[1:]:
            with suppress(psutil.Error, OSError):
                log = Path(os.readlink(f"/proc/{one.pid}/fd/1"))
                if log.name == "log.txt" and log.parent.parent.name == "runs":
                    found[one] = log.parent
        return found


class App:
    """The app, attached to a lab in a pty."""

    def __init__(self, lab: Path, environment: dict[str, str], folder: Path) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        # The terminal controls it, as that of a login does: when it hangs up the app is told.
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, sys.executable, "-P", "-m", "scalelab", "attach", str(lab)],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.began, self.up, self.seen = time.monotonic(), 0.0, b""
        self.hung_up = False

    @property
    def pid(self) -> int:
        return self.process.pid

    def look(self) -> None:
        """Take what it has drawn, and press a key now and then."""
        while self._ours >= 0 and select.select([self._ours], [], [], 0)[0]:
            try:
                found = os.read(self._ours, 65_536)
            except OSError:
                return
            if not found:
                return
            self.seen = (self.seen + found)[-4000:]
            if not self.up and b"\x1b[?1049h" in self.seen:
                self.up = time.monotonic() - self.began

    def press(self, key: str) -> None:
        if self.up and self._ours >= 0:
            with suppress(OSError):
                os.write(self._ours, key.encode())

    def hang_up(self) -> None:
        """Close the terminal under it."""
        self.hung_up = True
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()


def reap(known: set[int]) -> None:
    """Take the exit codes of those whose parents died before they did."""
    for child in psutil.Process().children():
        with suppress(psutil.Error, ChildProcessError):
            if child.pid not in known and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)
