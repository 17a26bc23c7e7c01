"""Looking at a lab again and again while it changes: when to look, and how to show only what is new.

`status --watch` draws with it, `run` looks on with it where another process trains. It writes nothing into a lab.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from scalelab.lab.paths import LabPaths
    from scalelab.store.reader import Reader


def looks(paths: LabPaths, *, seconds: float, forever: bool, gone: Callable[[float], bool]) -> Iterator[Reader]:
    """A reader, at once and whenever the lab has changed; ends when nobody trains it any more.

    Parameters
    ----------
    seconds : the least time between two looks.
    forever : wait for the next session instead of ending, as long as the lab is there.
    gone : waits so many seconds; True where whoever is shown the lab has gone.
    """
    from scalelab.lab.lock import holder
    from scalelab.store.reader import Reader
    from scalelab.store.schema import StoreBusy

    with Reader(paths.store) as reader:
        before: object = ()
        while True:
            # Who trains is asked first: what the store has afterwards is the whole of a session that had ended.
            owner = holder(paths.lock)
            with contextlib.suppress(StoreBusy):
                if reader.changed() or owner != before:
                    before = owner
                    yield reader
            if (owner is None and not forever) or not paths.exists:
                return
            if gone(seconds):
                return


def waiter(stream: TextIO) -> Callable[[float], bool]:
    """What waits between two looks, and ends at once when the pipe that is written to has lost its reader."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):
        return _only_wait
    poll = select.poll()
    poll.register(descriptor, 0)

    def wait(seconds: float) -> bool:
        return bool(poll.poll(round(1000 * seconds)))

    return wait


def _only_wait(seconds: float) -> bool:
    time.sleep(seconds)
    return False


class Painter:
    """Lines at one place of a terminal: of the next frame only those are written that are other ones."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown: list[str] = []
        self._size: tuple[int, int] | None = None

    @staticmethod
    def size() -> tuple[int, int]:
        """Columns and lines that a frame may have: one more line is the cursor's."""
        size = shutil.get_terminal_size()
        return max(size.columns, 1), max(size.lines - 1, 1)

    def paint(self, lines: Sequence[str]) -> None:
        """The next frame."""
        size = self.size()
        frame = [_cut(line, size[0]) for line in lines[: size[1]]]
        # After a resize nobody knows where the lines are.
        begin = "" if self._size is None else "\x1b[2J\x1b[H" if size != self._size else f"\x1b[{len(self._shown)}A"
        old = self._shown if size == self._size else []
        self._stream.write(begin if begin != "\x1b[0A" else "")
        for number, line in enumerate(frame):
            same = number < len(old) and old[number] == line
            self._stream.write("\n" if same else f"\r{line}\x1b[K\n")
        if len(old) > len(frame):
            self._stream.write("\x1b[J")
        self._stream.flush()
        self._shown, self._size = frame, size


class Changes:
    """Lines down a pipe: all of the first frame, then those that were not in the frame before, each with the time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before: set[str] | None = None

    @staticmethod
    def size() -> tuple[int, int]:
        """A pipe has room for everything."""
        return shutil.get_terminal_size().columns, 10_000

    def paint(self, lines: Sequence[str]) -> None:
        """The next frame."""
        # A column that grows moves the words of every line, and changes none.
        words = {" ".join(line.split()): line for line in lines}
        if self._before is None:
            new = list(lines)
        else:
            now = time.strftime("%H:%M:%S")
            new = [f"{now}  {line}" for said, line in words.items() if said and said not in self._before]
        for line in new:
            self._stream.write(f"{line}\n")
        self._stream.flush()
        self._before = set(words)


def painter(stream: TextIO) -> Painter | Changes:
    """What the stream can carry."""
    moves = stream.isatty() and os.environ.get("TERM", "") not in {"", "dumb", "unknown"}
    return Painter(stream) if moves else Changes(stream)


def _cut(line: str, width: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return line if cell_len(line) <= width else set_cell_size(line, max(width - 1, 0)) + "…"


def output() -> TextIO:
    """Stdout; somewhere harmless where it was closed before we began."""
    return sys.stdout if sys.stdout is not None else open(os.devnull, "w", encoding="utf-8")
