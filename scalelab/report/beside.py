"""Several texts with their titles, a column each where the terminal is wide enough, else one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

LEAST_COLUMN, GAP = 24, 2
"""Cells of a column that can still be read, and between two of them."""


def print_beside(texts: Sequence[tuple[str, str]], on: Console | None = None) -> None:
    """Print (title, text) pairs, both free of control characters."""
    from rich.table import Table

    from scalelab.report.console import console

    made = on or console()
    width = (made.width - GAP * (len(texts) - 1)) // len(texts)
    if width < LEAST_COLUMN:
        for number, (title, text) in enumerate(texts):
            made.print(Text(title, "bold"), Text(text), sep="\n", end="\n" if number + 1 == len(texts) else "\n\n")
        return
    columns = Table.grid(padding=(0, GAP, 0, 0))
    for _ in texts:
        columns.add_column(width=width, overflow="fold")
    columns.add_row(*(Text(title, "bold") for title, _ in texts))
    columns.add_row(*(Text(text) for _, text in texts))
    made.print(columns)
