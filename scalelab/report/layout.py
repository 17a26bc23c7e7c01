"""Lines of a printed report: headings, wrapped sentences, columns, packed items. It knows nothing of what they say."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from scalelab.report.columns import columns
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import RunTable

PROSE = 100
"""Sentences are not set wider than this: longer lines are hard to follow."""

Lines = list[Text]


def heading(text: str) -> Text:
    """The line above a section."""
    return Text(text, "bold")


def span(column: np.ndarray) -> str:
    """The smallest and the largest of a column: "8k to 119k"."""
    low, high = format_count(float(column.min())), format_count(float(column.max()))
    return low if low == high else f"{low} to {high}"


def weighing(runs: RunTable) -> str:
    """That the runs weigh differently, and how much; empty where they do not."""
    if runs.weight is None:
        return ""
    shares = runs.weight / runs.weight.mean()
    return f"runs weigh {shares.min():.2g} to {shares.max():.2g} times the mean, as their table says"


def counted(number: int, thing: str) -> str:
    """How many of a thing: "1 run", "1,200 runs"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def capital(sentence: str) -> str:
    """A sentence that begins like one."""
    return sentence[:1].upper() + sentence[1:]


def wrapped(sentence: str, width: int, hang: int = 0) -> Lines:
    """A sentence on as many lines as it needs, the later ones indented by `hang`."""
    return [Text(line) for line in textwrap.wrap(sentence, min(width, PROSE), subsequent_indent=" " * hang,
                                                 break_on_hyphens=False)]  # fmt: skip


def table(rows: list[list[str]], left: Collection[int] = (), width: int | None = None) -> Lines:
    """Aligned columns whose first row is the head; where they are wider than `width`, each row by itself instead."""
    lines = [Text(line) for line in columns(rows, left=left, indent=2)]
    if width is not None and max(line.cell_len for line in lines) > width:
        return _stacked(rows, left, width)
    lines[0].stylize("dim")
    return lines


def _stacked(rows: list[list[str]], left: Collection[int], width: int) -> Lines:
    """Each row as its words, which lean left, and below them its numbers, each behind the head of its column."""
    head, *body = rows
    lines: Lines = []
    for row in body:
        lines += wrapped("  " + ", ".join(cell for place, cell in enumerate(row) if place in left and cell), width, 4)
        told = [f"{head[place]} {cell}" for place, cell in enumerate(row) if place not in left and cell]
        lines += [Text(line) for line in packed(told, width, indent=4)]
    return lines


def packed(items: Iterable[str], width: int, indent: int) -> list[str]:
    """Items three spaces apart, as many on a line as the width holds; none is broken."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + 3 + len(item) <= min(width, PROSE + 20):
            lines[-1] += "   " + item
        else:
            lines.append(" " * indent + item)
    return lines
