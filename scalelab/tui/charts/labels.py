"""Labels at line ends: where each wants to stand, and where all can without standing on each other.

Knows figures and the cells between the axes, not how lines are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalelab.figures import Figure, Mark, Series
from scalelab.tui.charts.axes import Layout, inside
from scalelab.tui.charts.cells import Cells, single
from scalelab.tui.charts.inks import PLAIN, Inks


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A label that wants to stand at a line's end."""

    text: str
    column: int
    row: int
    series: Series


def endings(figure: Figure, area: Layout) -> list[Ending]:
    """The labels and where their lines end; of lines with one label and colour, the one that reaches furthest."""
    found: dict[tuple[str, int | None], tuple[int, float, Series]] = {}
    named = [each for each in figure.series if each.label and len(each.x)]
    for series, place in zip(named, _ends(named, figure, area), strict=True):
        if place is None:
            continue
        last, across, down = place
        if series.x_high is not None:
            whisker = float(area.across(figure.x, float(series.x_high[last])))
            across = min(max(across, whisker), area.columns - 1.0) if math.isfinite(whisker) else across
        known = found.get((series.label, series.colour))
        if known is None or known[0] <= round(across):
            found[series.label, series.colour] = round(across), down, series
    return [
        Ending(text=single(label), column=column, row=round(down), series=series)
        for (label, _), (column, down, series) in found.items()
    ]


def _ends(named: Sequence[Series], figure: Figure, area: Layout) -> list[tuple[int, float, float] | None]:
    """Of each series the last point, or else the one furthest right that is inside, and where it stands in cells.

    Lines go from left to right, so that of 500 of them all ends are placed at once.
    """
    across = area.across(figure.x, np.array([float(each.x[-1]) for each in named]))
    down = area.down(figure.y, np.array([float(each.y[-1]) for each in named]))
    seen = inside(across, down, area).tolist()
    return [
        (len(each.x) - 1, x, y) if here and each.mark is Mark.LINE else _last_seen(each, figure, area)
        for each, here, x, y in zip(named, seen, across.tolist(), down.tolist(), strict=True)
    ]


def _last_seen(series: Series, figure: Figure, area: Layout) -> tuple[int, float, float] | None:
    """The point furthest right that is inside, and where it stands; None where none is."""
    across, down = area.across(figure.x, series.x), area.down(figure.y, series.y)
    seen = np.flatnonzero(inside(across, down, area))
    if not len(seen):
        return None
    last = int(seen[np.argmax(across[seen])])
    return last, float(across[last]), float(down[last])


def label_ends(cells: Cells, figure: Figure, area: Layout, inks: Inks, coloured: bool) -> None:
    """Labels to the right of line ends, moved up or down where they would stand on each other.

    They keep the order of their lines; of more than there are rows some are left away, evenly.
    """
    found = sorted(endings(figure, area), key=lambda each: (each.row, each.column))
    if len(found) > area.rows:
        found = [found[place] for place in np.linspace(0, len(found) - 1, area.rows).astype(int)]
    room = area.columns + area.margin
    spots = [
        Spot(row=each.row, column=max(min(each.column + 2, room - len(each.text)), 0), text=each.text[:room])
        for each in found
    ]
    for place, row in apart(spots, area.rows):
        ink = inks.of(found[place].series) if coloured else PLAIN
        column = area.left + spots[place].column
        for beside in (column - 1, column + len(spots[place].text)):
            if coloured and 0 <= beside < cells.columns and cells.inks[area.top + row, beside] == inks.grid:
                cells.write(area.top + row, beside, " ")
        cells.write(area.top + row, column, spots[place].text, ink)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a label would stand if it were alone."""

    row: int
    column: int
    text: str

    def beside(self, other: Spot) -> bool:
        """Whether both can stand in one row with a blank between them."""
        return self.column > other.column + len(other.text) or other.column > self.column + len(self.text)


def apart(spots: Sequence[Spot], rows: int) -> list[tuple[int, int]]:
    """(Index of a label, row) so that none stands on another; those of one place are moved as a block about its middle.

    Labels are taken from the top. One that meets others joins their block, which is laid out anew about the mean of
    where its labels would stand: none is far from its line, and their order is that of their lines.
    """
    blocks: list[list[int]] = []
    for place in sorted(range(len(spots)), key=lambda each: (spots[each].row, spots[each].column)):
        block = [place]
        while (met := _met(block, blocks, spots, rows)) is not None:
            blocks.remove(met)
            block = sorted([*met, *block], key=lambda each: (spots[each].row, spots[each].column))
        blocks.append(block)
    placed = [(place, row) for block in blocks for place, row in _laid(block, spots, rows)]
    return [(place, row) for place, row in placed if row < rows]


def _laid(block: list[int], spots: Sequence[Spot], rows: int) -> list[tuple[int, int]]:
    middle = sum(spots[place].row for place in block) / len(block)
    first = max(min(round(middle - (len(block) - 1) / 2), rows - len(block)), 0)
    return [(place, first + step) for step, place in enumerate(block)]


def _met(block: list[int], blocks: list[list[int]], spots: Sequence[Spot], rows: int) -> list[int] | None:
    """A block that this one would stand on."""
    own = _laid(block, spots, rows)
    for other in blocks:
        theirs = dict((row, place) for place, row in _laid(other, spots, rows))
        if any(row in theirs and not spots[place].beside(spots[theirs[row]]) for place, row in own):
            return other
    return None
