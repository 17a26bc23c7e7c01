"""Aligned columns of plain text, for every table that is printed once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from unicodedata import combining, east_asian_width


def columns(rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,), indent: int = 0) -> list[str]:
    """Rows as lines, cells two spaces apart; the columns in `left` lean left, the others right."""
    if not rows:
        return []
    widths = [max(cells(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        " " * indent
        + "  ".join(
            cell + " " * (wide - cells(cell)) if index in left else " " * (wide - cells(cell)) + cell
            for index, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def cells(text: str) -> int:
    """Columns of a terminal that a text takes: two for East Asian wide signs, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
