"""Consoles that print outside text as it is: no markup, no highlighting, no emoji codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from scalelab.report.plot import Glyphs

if TYPE_CHECKING:
    from rich.console import Console

LEAST_WIDTH = 40


def console(stream: TextIO | None = None, width: int | None = None) -> Console:
    """A console on stdout or the stream given; NO_COLOR, TERM=dumb and COLUMNS are honoured."""
    from rich.console import Console

    class Patient(Console):
        """Whoever read the stream has gone: print no more. Rich itself would end the program here."""

        def on_broken_pipe(self) -> None:
            self.quiet = True

    made = Patient(file=stream or sys.stdout, markup=False, highlight=False, emoji=False, width=width)
    if made.width < LEAST_WIDTH:
        made.width = LEAST_WIDTH
    return made


def glyphs_of(made: Console) -> Glyphs:
    """Braille where the stream can carry it."""
    return Glyphs.BRAILLE if made.encoding.lower().replace("-", "").startswith("utf") else Glyphs.ASCII
