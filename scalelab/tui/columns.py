"""Rows of cells laid out for a width: which columns stay, how wide each is, and what one line says. Pure text.

A narrow terminal loses whole columns, the least wanted first, and never half a number.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rich.cells import cell_len, set_cell_size

from scalelab.gate import clean

GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    title: str
    keep: int
    """0 stays always; the highest number is given up first."""
    left: bool = False
    """Whether words stand at its left; numbers stand at the right."""
    most: int = 60
    """Cells at most; longer words are cut."""
    least: int = 0
    """Cells at least, so that it does not jump."""
    rest: bool = False
    """Whether it takes what the others leave, from `least` cells up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table."""

    key: str
    """Its name; empty for a heading, on which no cursor stands."""
    cells: Mapping[str, str]
    """By column; of a heading only "heading"."""
    styles: Mapping[str, str] = field(default_factory=dict)
    """By column: "bad", "good", "faint" or "strong"; "" is for the whole row."""
    spread: str = ""
    """A column whose words go on over all that stand after it."""
    spread_at: int | None = None
    """Where these words begin; unset: where their column does."""

    def placed(self, places: Sequence[Placed], width: int) -> Sequence[Placed]:
        """The places of its cells in a table of `width` cells."""
        at = next((place.at for place in places if place.column.name == self.spread), None) if self.spread else None
        if at is None:
            return places
        begin = at if self.spread_at is None else min(at, self.spread_at)
        found: list[Placed] = []
        for place in places:
            if place.column.name == self.spread:
                return [*found, Placed(column=place.column, at=begin, width=max(width - begin, 0))]
            found.append(replace(place, width=min(place.width, max(begin - GAP - place.at, 0))))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A column with its place."""

    column: Column
    at: int
    width: int


def lay_out(
    columns: Sequence[Column], rows: Sequence[Row], width: int, wider: Mapping[str, int], stay: Collection[str] = ()
) -> tuple[Placed, ...]:
    """The columns that fit into `width` cells; `wider` are widths from before, `stay` those that may be empty.

    So may a column whose words go on over all that stand after it.
    """
    stay = {*stay, *(row.spread for row in rows)}
    wanted = {each.name: _width(each, rows, wider.get(each.name, 0), each.name in stay) for each in columns}
    widths = {each.name: min(wanted[each.name], each.least) if each.rest else wanted[each.name] for each in columns}
    kept = [each for each in columns if wanted[each.name] or not each.keep]
    while len(kept) > 1 and sum(widths[each.name] + GAP for each in kept) - GAP > width:
        worst = max(kept, key=lambda each: each.keep)
        if worst.keep == 0:
            break
        kept.remove(worst)
    left = width - sum(widths[each.name] + GAP for each in kept) + GAP
    placed, at = [], 0
    for each in kept:
        wide = min(wanted[each.name], widths[each.name] + max(left, 0)) if each.rest else widths[each.name]
        room = min(wide, max(width - at, 0))
        placed.append(Placed(column=each, at=at, width=room))
        at += room + GAP
    return tuple(placed)


def fitted(text: str, place: Placed) -> str:
    """A cell's text in exactly its width."""
    shown = clean(text, 4 * place.width + 20)
    if cell_len(shown) > place.width:
        return set_cell_size(shown, max(place.width - 1, 0)) + "…" * (place.width > 0)
    return set_cell_size(shown, place.width) if place.column.left else " " * (place.width - cell_len(shown)) + shown


def _width(column: Column, rows: Sequence[Row], before: int, stays: bool) -> int:
    # Each word once: the columns of 500 runs say the same in most of their rows.
    cells = {row.cells.get(column.name, "") for row in rows if row.key and row.spread != column.name}
    found = max((cell_len(clean(cell, 200)) for cell in cells), default=0)
    if not found and column.keep and not stays:
        return 0
    return min(max(found, cell_len(column.title), column.least, before), column.most)
