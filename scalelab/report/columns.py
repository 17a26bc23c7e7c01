"""Aligned columns of plain text, for every table that is printed once."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def columns(rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,), indent: int = 0) -> list[str]:
    """Rows as lines, cells two spaces apart; the columns in `left` lean left, the others right."""
    if not rows:
        return []
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        " " * indent
        + "  ".join(
            cell.ljust(wide) if index in left else cell.rjust(wide)
            for index, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
