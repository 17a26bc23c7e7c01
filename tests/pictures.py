"""The pictures of the README: `python -m tests.pictures [NAME …]` plays the shipped recording and draws what it sees.

The app runs in a terminal of its own; what it writes there goes through a terminal emulator, and every cell is drawn
from what that holds: letters with a font, braille, blocks and lines as dots and boxes, so that no font moves them.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyte

from tests.cells import drawn

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
COLUMNS, ROWS = 100, 30
QUIET, PATIENCE = 0.8, 60.0
"""Seconds without a byte after which a screen stands, and after which it never will."""
_APP = "from scalelab.tui import header; header.who = lambda: 'you@box'; from scalelab.cli.main import main; main({})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One screen: what was typed into the shell, and which keys led there."""

    command: Sequence[str]
    keys: Sequence[str] = ()
    shows: str = "of 20"
    """What stands on it when it is there."""
    rows: int = ROWS
    columns: int = COLUMNS


SHOTS = {
    "plan": Picture(command=("--preset", "tiny"), shows="about"),
    "runs": Picture(command=("replay", "--at", "75%", "--paused"), keys=("j",), rows=36),
    "law": Picture(command=("replay", "--at", "100%"), keys=("3", "v")),
    "surface": Picture(command=("replay", "--at", "100%"), keys=("4", "o")),
    "predict": Picture(command=("replay", "--at", "100%"), keys=("5",)),
}


class Emulator:
    """A terminal with the app in it."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int, picture: Picture) -> None:
        self.process, self._descriptor = process, descriptor
        self.screen = pyte.Screen(picture.columns, picture.rows)
        self._stream = pyte.ByteStream(self.screen)

    def settle(self, words: str = "") -> None:
        """Read until these words are there and nothing more comes."""
        end = time.monotonic() + PATIENCE
        while True:
            if select.select([self._descriptor], [], [], QUIET)[0]:
                self._stream.feed(os.read(self._descriptor, 65_536))
            elif words in "\n".join(self.screen.display):
                return
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("the screen never stood:\n" + "\n".join(self.screen.display))

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())


@contextmanager
def app(picture: Picture) -> Iterator[Emulator]:
    """The app in a terminal of this size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", picture.rows, picture.columns, 0, 0))
    arguments = [*picture.command, "--theme", "dark", "--glyphs", "braille"]
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [sys.executable, "-c", _APP.format(arguments)], cwd=home, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True,
            env={"PATH": os.environ["PATH"], "HOME": home, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color",
                 "COLORTERM": "truecolor", "LANG": "C.UTF-8", "TMPDIR": home},
        )  # fmt: skip
        os.close(theirs)
        try:
            yield Emulator(process, ours, picture)
        finally:
            process.kill()
            process.wait()
            os.close(ours)


def take(name: str) -> Path:
    """Take one picture."""
    picture = SHOTS[name]
    with app(picture) as seen:
        seen.settle(picture.shows)
        for key in picture.keys:
            seen.type(key)
            seen.settle()
        image = drawn(seen.screen)
        words = "\n".join(line.rstrip() for line in seen.screen.display)
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    image.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB\n{words}")
    return path


if __name__ == "__main__":
    for wanted in sys.argv[1:] or SHOTS:
        take(wanted)
