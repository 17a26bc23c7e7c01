"""A stream that is written by a thread: a terminal that takes nothing (Ctrl-S, a stalled ssh, a pager) holds nobody up.

Who trains and talks from one thread would otherwise stand still with the terminal. Knows nothing of what is written.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

MOST_BYTES = 1 << 20
"""What may wait; more is dropped, since nobody reads it."""
DRAIN_SECONDS = 1.0
"""How long the end waits for what was not taken yet."""


class Unwaited:
    """Writes to a stream's descriptor without ever waiting for it."""

    def __init__(self, stream: TextIO) -> None:
        self.encoding, self.errors = stream.encoding or "utf-8", stream.errors or "replace"
        self._stream, self._descriptor = stream, stream.fileno()
        self._waiting = bytearray()
        self._writing = self._gone = False
        self._moved = threading.Condition()
        threading.Thread(target=self._run, name="stderr", daemon=True).start()

    @property
    def behind(self) -> bool:
        """Whether something was written that has not been taken."""
        with self._moved:
            return bool(self._waiting) or self._writing

    def write(self, text: str) -> int:
        """Give it to the thread; the whole of it is dropped where too much waits already."""
        content = text.encode(self.encoding, self.errors)
        with self._moved:
            if not self._gone and len(self._waiting) + len(content) <= MOST_BYTES:
                self._waiting += content
                self._moved.notify_all()
        return len(text)

    def flush(self) -> None:
        """Nothing: what is written is under way."""

    def isatty(self) -> bool:
        """As the stream."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream."""
        return self._descriptor

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Wait so long for all to be taken."""
        with self._moved:
            self._moved.wait_for(lambda: not self._waiting and not self._writing, seconds)

    def end(self) -> None:
        """Take nothing more."""
        with self._moved:
            self._gone = True
            self._waiting.clear()
            self._moved.notify_all()

    def _run(self) -> None:
        while True:
            with self._moved:
                self._moved.wait_for(lambda: self._waiting or self._gone)
                if self._gone:
                    return
                # A little at a time: of what a terminal has stopped in the middle of, no more than that is stuck.
                part = bytes(self._waiting[:1024])
                del self._waiting[:1024]
                self._writing = True
            try:
                while part:
                    part = part[os.write(self._descriptor, part) :]
            except OSError:  # whoever read it has gone
                self.end()
            with self._moved:
                self._writing = False
                self._moved.notify_all()


@contextmanager
def stderr_unwaited() -> Iterator[None]:
    """Let nothing that is said on stderr meanwhile wait for who reads it."""
    before = sys.stderr
    try:
        before.flush()
        mine = Unwaited(before)
    except (AttributeError, OSError, ValueError):  # closed, or a test's buffer
        yield
        return
    sys.stderr = mine
    try:
        yield
    finally:
        mine.drain()
        mine.end()
        sys.stderr = before
