"""A real terminal for benchmarks: a program in a pty, what it writes counted and timed as it arrives. Knows no app."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from typing import Self

ANSWERS = {b"\x1b[c": b"\x1b[?62;c", b"\x1b[6n": b"\x1b[1;1R"}
"""What a terminal says when it is asked who it is and where its cursor stands."""
MOST = 100_000
"""Bytes kept to look for words in."""


class Terminal:
    """One Python program with a terminal of its own; every byte that it writes is counted."""

    def __init__(
        self, arguments: Sequence[str], *, width: int, height: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self.written = 0
        """Bytes since the start."""
        self.last = 0.0
        """When the last of them arrived, by time.perf_counter."""
        self.said = b""
        self.began = time.perf_counter()
        self._pid, self._end = pty.fork()
        if not self._pid:
            settings = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(width), "LINES": str(height)}
            os.environ.update(settings | dict(environment or {}))
            os.environ.pop("NO_COLOR", None)
            os.execv(sys.executable, [sys.executable, *arguments])
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self, seconds: float) -> bool:
        """Take what arrives within so many seconds; False where nothing did."""
        if not select.select([self._end], [], [], max(seconds, 0.0))[0]:
            return False
        try:
            block = os.read(self._end, 65536)
        except OSError:
            block = b""
        if not block:
            raise EOFError(self.said[-2000:].decode(errors="replace"))
        self.last = time.perf_counter()
        self.written += len(block)
        self.said = (self.said + block)[-MOST:]
        for asked, answer in ANSWERS.items():
            if asked in block:
                os.write(self._end, answer)
        return True

    def until(self, words: str, seconds: float = 60.0) -> float:
        """Seconds from the start until these words were written."""
        wanted, deadline = words.encode(), time.perf_counter() + seconds
        while wanted not in self.said:
            left = deadline - time.perf_counter()
            if left <= 0:
                raise TimeoutError(f"{words!r} did not come; the last was {self.said[-500:]!r}")
            self.take(left)
        return self.last - self.began

    def quiet(self, seconds: float, most: float = 60.0) -> float:
        """When the last byte before a silence of so many seconds came; it waits for the silence."""
        deadline = time.perf_counter() + most
        while self.take(seconds) and time.perf_counter() < deadline:
            pass
        return self.last

    def listen(self, seconds: float) -> int:
        """Bytes that arrive in so many seconds."""
        before, deadline = self.written, time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self.take(left)
        return self.written - before

    def press(self, key: str, silence: float, most: float = 5.0) -> tuple[float, float, int]:
        """(Seconds to the first byte, to the last before a silence, bytes) of what a key brings about."""
        before, began = self.written, time.perf_counter()
        os.write(self._end, key.encode())
        if not self.take(most):
            return most, most, 0
        first = self.last - began
        self.quiet(silence, most)
        return first, self.last - began, self.written - before

    def forget(self) -> None:
        """Look for words only in what comes from now on."""
        self.said = b""

    def close(self) -> None:
        """End the program."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        with contextlib.suppress(OSError):
            os.close(self._end)
