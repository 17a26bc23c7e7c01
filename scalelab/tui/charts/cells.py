"""A rectangle of cells: code points, colours, manner; what changed between two of them; rows as Textual's strips.

Every sign in it is one cell wide. It knows nothing of figures.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from scalelab.gate import clean
from scalelab.tui.charts.inks import PLAIN, style_of

Span = tuple[int, int, int]
"""Row, first column, column after the last."""
JOIN = 6
"""Changed cells with fewer unchanged ones between them go out as one span: moving the cursor costs about as much."""
MANY = 3
"""Spans a row beyond which they are joined more freely: each also costs a region and a crop."""


class Cells:
    """A drawing in cells, written from back to front."""

    __slots__ = ("codes", "columns", "inks", "manners", "papers", "rows")

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = max(columns, 0), max(rows, 0)
        shape = (self.rows, self.columns)
        self.codes: npt.NDArray[np.uint32] = np.full(shape, ord(" "), dtype=np.uint32)
        self.inks: npt.NDArray[np.int16] = np.full(shape, PLAIN, dtype=np.int16)
        self.papers: npt.NDArray[np.int16] = np.full(shape, PLAIN, dtype=np.int16)
        self.manners: npt.NDArray[np.uint8] = np.zeros(shape, dtype=np.uint8)

    def copy(self) -> Cells:
        """Another one alike, to draw on."""
        other = Cells(self.columns, self.rows)
        for name in ("codes", "inks", "papers", "manners"):
            getattr(other, name)[:] = getattr(self, name)
        return other

    def write(self, row: int, column: int, text: str, ink: int = PLAIN, manner: int = 0, paper: int = PLAIN) -> None:
        """Text from a column on; what lies outside is cut, what would take two cells is a question mark."""
        if not 0 <= row < self.rows:
            return
        given = single(text)
        first, last = max(column, 0), min(column + len(given), self.columns)
        if first >= last:
            return
        self.codes[row, first:last] = [ord(sign) for sign in given[first - column : last - column]]
        self.inks[row, first:last] = ink
        self.manners[row, first:last] = manner
        if paper != PLAIN:
            self.papers[row, first:last] = paper

    def put(
        self, rows: npt.NDArray[np.signedinteger[Any]], columns: npt.NDArray[np.signedinteger[Any]], sign: str, ink: int
    ) -> None:
        """One sign into many cells, all of them inside."""
        self.codes[rows, columns] = ord(sign)
        self.inks[rows, columns] = ink
        self.manners[rows, columns] = 0

    def text(self) -> str:
        """As plain text, a line a row, without blanks at the right end."""
        return "\n".join(self.row_text(row).rstrip() for row in range(self.rows))

    def row_text(self, row: int) -> str:
        """One row as text of exactly `columns` cells."""
        text: str = self.codes[row].astype("<u4").tobytes().decode("utf-32-le")
        return text

    def strip(self, row: int, base: Style) -> Strip:
        """One row for Textual: a segment wherever ink, paper or manner change."""
        text = self.row_text(row)
        # A blank shows no ink: with that of the sign before it, it is no segment of its own.
        signs = np.where(self.codes[row] != ord(" "), np.arange(self.columns), 0)
        inks = self.inks[row, np.maximum.accumulate(signs)]
        look = (inks.astype(np.int64) + 1) << 20 | (self.papers[row].astype(np.int64) + 1) << 8
        look |= self.manners[row]
        starts = np.concatenate([[0], np.flatnonzero(np.diff(look)) + 1, [self.columns]]).tolist()
        segments = [
            Segment(text[start:end], style_of(base, int(inks[start]), int(self.papers[row, start]),
                                              int(self.manners[row, start])))
            for start, end in pairwise(starts) if end > start
        ]  # fmt: skip
        return Strip(segments, self.columns)

    def changed(self, before: Cells) -> list[Span]:
        """The spans in which this drawing differs from one of the same size; none where they are alike."""
        differs = (
            (self.codes != before.codes)
            | (self.papers != before.papers)
            | (self.manners != before.manners)
            | ((self.inks != before.inks) & (self.codes != ord(" ")))
        )
        spans = _spans(differs, JOIN)
        return spans if len(spans) <= MANY * self.rows else _spans(differs, 4 * JOIN)


def _spans(differs: npt.NDArray[np.bool_], join: int) -> list[Span]:
    """Stretches of cells that differ, two with at most `join` cells from one to the next as one."""
    rows, columns = np.nonzero(differs)
    if not len(rows):
        return []
    breaks = np.flatnonzero((np.diff(rows) != 0) | (np.diff(columns) > join))
    firsts, lasts = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(rows) - 1]])
    return list(zip(rows[firsts].tolist(), columns[firsts].tolist(), (columns[lasts] + 1).tolist(), strict=True))


@lru_cache(2048)
def single(text: str) -> str:
    """Outside text made harmless, every sign one cell wide."""
    widths = [(sign, get_character_cell_size(sign)) for sign in clean(text, 200)] if text.strip() else []
    if not widths:
        return " " * len(text)
    lead = len(text) - len(text.lstrip())
    return " " * lead + "".join(sign if width == 1 else "?" for sign, width in widths if width)
