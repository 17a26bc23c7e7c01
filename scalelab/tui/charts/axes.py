"""Where things stand in a chart: room for axes and labels in the given cells, ticks, labels at line ends.

Knows figures and cells. What does not fit is left away in an order: title, axis titles, labels at line ends, ticks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalelab.figures import Axis, Figure, Mark, Role, Series
from scalelab.tui.charts.cells import Cells, single
from scalelab.tui.charts.glyphs import Dots, Signs
from scalelab.tui.charts.inks import BOLD, PLAIN, Inks
from scalelab.tui.charts.raster import Array

LEAST_COLUMNS, LEAST_ROWS = 18, 6
"""Cells below which there are no axes, only the drawing."""
TITLED_ROWS = 9
"""Rows from which a title and the y axis's name have a row of their own."""
LEAST_NAME = 10
"""Cells in which the beginning of a name is worth reading."""
SHORTENED = 14
"""A label at a line's end may take this many cells where the chart is narrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The cells inside the axes, and what stands about them."""

    left: int
    top: int
    columns: int
    rows: int
    margin: int
    """Cells to the right of them for labels at line ends."""
    title_row: int | None
    name_row: int | None
    """Row of the y axis's name."""
    axes: bool
    below: bool
    """Whether the x axis's name has a row of its own."""

    dots: Dots
    """How a cell is divided: a value belongs to the cell that its dot is in."""

    def dots_across(self, axis: Axis, values: Array | float) -> Array:
        """Places along x in dots, 0 at the left end of the axis."""
        with np.errstate(over="ignore"):
            return shares(axis, values) * (self.columns * self.dots.wide - 1)

    def dots_down(self, axis: Axis, values: Array | float) -> Array:
        """Places along y in dots, 0 at the upper end of the axis."""
        with np.errstate(over="ignore"):
            return (1.0 - shares(axis, values)) * (self.rows * self.dots.high - 1)

    def across(self, axis: Axis, values: Array | float) -> Array:
        """Places along x in cells, 0 in the middle of the first; rounded, it is the cell that the value's dot is in."""
        return (self.dots_across(axis, values) + 0.5) / self.dots.wide - 0.5

    def down(self, axis: Axis, values: Array | float) -> Array:
        """Places along y in cells, 0 in the middle of the uppermost."""
        return (self.dots_down(axis, values) + 0.5) / self.dots.high - 0.5

    def share_across(self, column: Array | float) -> Array:
        """The share of the x axis at a place in cells."""
        share = ((np.asarray(column) + 0.5) * self.dots.wide - 0.5) / max(self.columns * self.dots.wide - 1, 1)
        return np.clip(share, 0.0, 1.0)

    def share_up(self, row: Array | float) -> Array:
        """The share of the y axis at a place in cells."""
        share = ((np.asarray(row) + 0.5) * self.dots.high - 0.5) / max(self.rows * self.dots.high - 1, 1)
        return np.clip(1.0 - share, 0.0, 1.0)


def shares(axis: Axis, values: Array | float) -> Array:
    """`Axis.place` in fewer passes over a million points; what has no place there is not finite here."""
    given = np.asarray(values, dtype=float)
    with np.errstate(all="ignore"):
        if not axis.log:
            return (given - axis.low) / (axis.high - axis.low)
        placed: Array = np.log(given)
        placed -= math.log(axis.low)
        placed /= math.log(axis.high) - math.log(axis.low)
        return placed


def drawable(axis: Axis) -> bool:
    """Whether the axis has a width: an axis of nothing cannot be drawn on."""
    if not (math.isfinite(axis.low) and math.isfinite(axis.high) and math.isfinite(axis.high - axis.low)):
        return False
    return axis.high - axis.low > 1e-12 * max(abs(axis.low), abs(axis.high)) and (axis.low > 0 or not axis.log)


def is_keyed(figure: Figure) -> bool:
    """Whether colours are told in a row above: dots without lines have no end to stand at."""
    named = [each for each in figure.series if each.label]
    return bool(named) and all(each.mark is Mark.DOTS and each.role is Role.RUNS for each in named)


def layout(figure: Figure, width: int, height: int, dots: Dots, *, titled: bool = True) -> Layout:
    """Divides `width` by `height` cells."""
    axes = width >= LEAST_COLUMNS and height >= LEAST_ROWS
    if not axes:
        return Layout(left=0, top=0, columns=width, rows=height, margin=0, title_row=None, name_row=None, axes=False,
                      below=False, dots=dots)  # fmt: skip
    title_row = 0 if titled else None
    roomy = height >= TITLED_ROWS + titled
    name_row = (1 if titled else 0) if roomy else None
    top = (1 if titled else 0) + roomy
    below = height >= TITLED_ROWS + 4
    rows = height - top - 2 - below
    ticks = y_ticks(figure.y, rows)
    left = min(max((len(single(word)) for _, word in ticks), default=0), width // 3) + 1
    margin = 0 if is_keyed(figure) else label_room(figure, width - left)
    return Layout(left=left, top=top, columns=width - left - margin, rows=rows, margin=margin, title_row=title_row,
                  name_row=name_row, axes=True, below=below, dots=dots)  # fmt: skip


def y_ticks(axis: Axis, rows: int) -> list[tuple[float, str]]:
    """Ticks up the side, at most one for every third row."""
    return axis.ticks(max(2, min(rows // 3, 9)))


def label_room(figure: Figure, columns: int) -> int:
    """Cells for the longest label with a blank before it; where it is long, no more than a third of the width."""
    longest = max((len(single(each.label)) for each in figure.series), default=0)
    return min(longest + 1, max(columns // 3, 0), max(SHORTENED, columns // 4)) if longest else 0


def draw_axes(cells: Cells, figure: Figure, area: Layout, signs: Signs, inks: Inks) -> None:
    """The two axes with ticks and names, the title, and faint lines at the ticks of y."""
    if area.title_row is not None:
        cells.write(area.title_row, 0, shortened(figure.title, cells.columns), manner=BOLD)
    if area.name_row is not None:
        cells.write(area.name_row, 0, figure.y.label, inks.axis)
    if not area.axes:
        return
    side, floor = area.left - 1, area.top + area.rows
    for row in range(area.top, floor):
        cells.write(row, side, signs.upright, inks.axis)
    cells.write(floor, side, signs.corner + signs.level * (area.columns + area.margin), inks.axis)
    _draw_y(cells, figure.y, area, signs, inks)
    _draw_x(cells, figure.x, area, signs, inks)
    if area.below:
        middle = area.left + (area.columns - len(single(figure.x.label))) // 2
        cells.write(cells.rows - 1, max(middle, 0), figure.x.label, inks.axis)


def _draw_y(cells: Cells, axis: Axis, area: Layout, signs: Signs, inks: Inks) -> None:
    taken: set[int] = set()
    for value, word in y_ticks(axis, area.rows):
        place = float(area.down(axis, value))
        if not -0.5 <= place <= area.rows - 0.5 or round(place) in taken:
            continue
        taken.add(round(place))
        row = area.top + round(place)
        shown = single(word)[: area.left - 1]
        cells.write(row, area.left - 1 - len(shown), shown, inks.axis)
        cells.write(row, area.left - 1, signs.tick_left, inks.axis)


def _draw_x(cells: Cells, axis: Axis, area: Layout, signs: Signs, inks: Inks) -> None:
    floor, free = area.top + area.rows, 0
    for value, word in axis.ticks(max(2, min(area.columns // 10, 12))):
        place = float(area.across(axis, value))
        if not -0.5 <= place <= area.columns - 0.5:
            continue
        column, shown = area.left + round(place), single(word)
        start = min(column - len(shown) // 2, cells.columns - len(shown))
        if start < free:
            continue
        free = start + len(shown) + 1
        cells.write(floor, column, signs.tick_below, inks.axis)
        cells.write(floor + 1, start, shown, inks.axis)
    if not area.below and cells.columns - free > len(single(axis.label)):
        cells.write(floor + 1, cells.columns - len(single(axis.label)), axis.label, inks.axis)


def draw_grid(cells: Cells, axis: Axis, area: Layout, signs: Signs, inks: Inks) -> None:
    """Faint lines at the ticks of y, to be drawn before anything else."""
    for value, _ in y_ticks(axis, area.rows):
        place = float(area.down(axis, value))
        if -0.5 <= place <= area.rows - 0.5:
            cells.write(area.top + round(place), area.left, signs.grid * area.columns, inks.grid)


def draw_key(
    cells: Cells, figure: Figure, area: Layout, sign_of: Callable[[Series], str], inks: Inks, coloured: bool
) -> None:  # fmt: skip
    """The labels in a row above the axes, at the right; where there is no room for both, the name of y gives way."""
    if area.name_row is None:
        return
    words = [(f"{sign_of(series)} {series.label}", series) for series in figure.series if series.label]
    right = cells.columns - sum(len(single(word)) + 2 for word, _ in words) + 2
    if right < len(single(figure.y.label)) + 2:
        cells.write(area.name_row, 0, " " * cells.columns)
        if right - 2 >= LEAST_NAME:
            cells.write(area.name_row, 0, shortened(figure.y.label, right - 2), inks.axis)
    for word, series in words:
        cells.write(area.name_row, max(right, 0), word, inks.of(series) if coloured else PLAIN)
        right += len(single(word)) + 2


def shortened(words: str, width: int) -> str:
    """Words in so many cells: as many of their clauses as fit, else the beginning of the first."""
    if len(single(words)) <= width:
        return words
    ends = [place for place, sign in enumerate(words[: width + 1]) if sign in ",:"]
    return words[: ends[-1]] if ends else words[: max(width - 1, 0)] + "…" * (width > 0)


def inside(across: Array, down: Array, area: Layout) -> npt.NDArray[np.bool_]:
    """Which places, in cells, are in the area."""
    return (across >= -0.5) & (across < area.columns - 0.5) & (down >= -0.5) & (down < area.rows - 0.5)
