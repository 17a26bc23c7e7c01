"""One line on a terminal for a corpus on its way, redrawn in place; it knows nothing of corpora."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from scalelab.gate import clean

if TYPE_CHECKING:
    from rich.console import Console

_CELLS = 20
_SHARE = re.compile(r",?\s(\d{1,3})%$")


class Bar:
    """Drawn over itself until something else is printed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = False

    def draw(self, text: str) -> None:
        """Show a sentence that ends in a share, such as "reading 41%"."""
        found = _SHARE.search(text)
        share = min(int(found[1]), 100) if found else 0
        ink, paper = ("█", "░") if self._console.encoding.lower().startswith("utf") else ("#", "-")
        full = share * _CELLS // 100
        words = _SHARE.sub("", text)
        line = clean(f"{ink * full}{paper * (_CELLS - full)} {share}% {words}")[: self._console.width - 1]
        self._write(f"\r\x1b[2K{line}")
        self._shown = True

    def end(self) -> None:
        """Take it away, so that what is printed next has the line to itself."""
        if self._shown:
            self._write("\r\x1b[2K")
            self._shown = False

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # whoever read the terminal has gone: the work goes on
            self._console.file.write(text)
            self._console.file.flush()
