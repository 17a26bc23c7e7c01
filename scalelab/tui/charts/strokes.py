"""The lines of a figure into cells: which dots each lights, whose colour a cell takes. Knows figures, no widget.

A cell takes the colour of the last line in it and keeps the dots of that colour; without colour it keeps every dot.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np

from scalelab.figures import Axis, Figure, Mark, Role, Series
from scalelab.tui.charts import raster, rising
from scalelab.tui.charts.axes import Layout
from scalelab.tui.charts.cells import Cells
from scalelab.tui.charts.glyphs import signs_of
from scalelab.tui.charts.inks import PLAIN
from scalelab.tui.charts.look import Look
from scalelab.tui.charts.raster import Array, Ints, Lit

MANY = 30_000
"""Points from which on it is cheaper to search than to look at each."""


Value = TypeVar("Value")
KEPT = 6
"""Axes that are remembered: whoever tries the other scales comes back to the first."""


class Kept(Generic[Value]):
    """The newest of some values, by what they were made for."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Value] = {}

    def of(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value that is kept for this, or a new one."""
        return self.put(key, self._values[key] if key in self._values else make())

    def put(self, key: Hashable, value: Value) -> Value:
        """Keep it as the newest."""
        self._values.pop(key, None)
        self._values[key] = value
        if len(self._values) > KEPT:
            del self._values[next(iter(self._values))]
        return value


Known = dict[tuple[int, int], tuple[Array, Array, Ints]]
"""Lines by the identities of their arrays: those, and (3, cells) with row, column and bits of the cells they light."""


class Memory:
    """The lines of the frames before, by the arrays that they were made of.

    Most curves of a lab are of runs that are done; as long as the axes stay they are not rastered again, nor where
    somebody goes back to other axes.
    """

    def __init__(self) -> None:
        self._lines: Kept[Known] = Kept()
        self._cuts: Kept[rising.Cuts] = Kept()

    def lit(self, drawn: list[Series], figure: Figure, area: Layout) -> Lit:
        """What the lines light, in their order, owned by their places in `drawn`."""
        axes = (figure.x, figure.y, area.columns, area.rows, area.dots)
        known = self._lines.of(axes, dict)
        # The arrays are held, so that no other array can have their identity.
        keys = [(id(each.x), id(each.y)) for each in drawn]
        fresh = {key: each for key, each in zip(keys, drawn, strict=True) if key not in known}
        for (key, series), found in zip(fresh.items(), self._rastered([*fresh.values()], figure, area), strict=True):
            known[key] = (series.x, series.y, found)
        self._lines.put(axes, {key: known[key] for key in keys})
        parts = [known[key][2] for key in keys]
        row, column, bits = np.concatenate(parts, axis=1)
        owner = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
        return Lit(row=row, column=column, bits=bits, owner=owner)

    def _rastered(self, series: list[Series], figure: Figure, area: Layout) -> list[Ints]:
        """What each of some lines lights, all together."""
        if not series:
            return []
        lit = self._dots(series, figure, area).in_cells(area.dots.weights)
        every = np.stack([lit.row, lit.column, lit.bits], dtype=np.int32, casting="same_kind")
        cuts = np.searchsorted(lit.owner, np.arange(len(series) + 1)).tolist()
        return [every[:, first:last] for first, last in pairwise(cuts)]

    def _dots(self, series: list[Series], figure: Figure, area: Layout) -> raster.Intervals:
        """The dots of lines: of those that rise along x by searching, of others and of those with gaps point by
        point.
        """
        across, down = partial(area.dots_across, figure.x), partial(area.dots_down, figure.y)
        width, height = area.columns * area.dots.wide, area.rows * area.dots.high
        many = sum(len(each.x) for each in series) >= MANY
        rises = np.array([many and rising.rises(each.x) for each in series])
        rest, parts = np.flatnonzero(~rises).tolist(), []
        if rises.any():
            owners = np.flatnonzero(rises)
            own = [series[place] for place in owners.tolist()]
            # Searched again only along another axis: smoothing and another scale of y leave it as it is.
            cuts = self._cuts.of((figure.x, width), lambda: rising.Cuts(figure.x, across, width))
            found, gaps = rising.stretches([each.x for each in own], [each.y for each in own], cuts, down)
            parts.append(raster.passed(replace(found, owner=owners[found.owner]), width, height))
            rest = sorted([*rest, *owners[gaps].tolist()])
        if rest:
            owner = np.repeat(rest, [len(series[place].x) for place in rest])
            x, y = (np.concatenate([getattr(series[place], name) for place in rest]) for name in ("x", "y"))
            parts.append(raster.lines(across(x), down(y), owner, width, height))
        return raster.together(*parts)


def draw_lines(cells: Cells, figure: Figure, area: Layout, look: Look, memory: Memory | None = None) -> None:
    """All bands, and over them all lines, the later over the earlier."""
    drawn = [each for each in figure.series if each.mark is Mark.LINE and each.role is not Role.ZERO and len(each.x)]
    _draw_zero(cells, figure, area, look)
    if not drawn:
        return
    found = (memory or Memory()).lit(drawn, figure, area)
    bands = [_band(series, place, figure, area) for place, series in enumerate(drawn)
             if series.low is not None and series.high is not None]  # fmt: skip
    if bands:
        found = raster.joined([*bands, found])
    inks = np.array([look.inks.of(each) if look.coloured else PLAIN for each in drawn], dtype=np.int64)
    if not look.coloured:
        frontier = np.array([each.role is Role.FRONTIER for each in drawn])[found.owner]
        own, found = found.where(frontier), found.where(~frontier)
        # Where no colour tells it from the others, the frontier is a row of signs.
        cells.put(area.top + own.row, area.left + own.column, signs_of(look.glyphs).frontier, PLAIN)
    _light(cells, found, inks, area)


def _light(cells: Cells, found: Lit, inks: Ints, area: Layout) -> None:
    """Bits into cells; they come in order, so that the last ones of a cell are those on top."""
    at = found.row * area.columns + found.column
    ink = inks[found.owner]
    top = np.full(area.rows * area.columns, PLAIN, dtype=np.int64)
    top[at] = ink
    kept = ink == top[at]
    bits = np.zeros(area.rows * area.columns, dtype=np.int64)
    np.bitwise_or.at(bits, at[kept], found.bits[kept])
    lit = np.flatnonzero(bits)
    rows, columns = area.top + lit // area.columns, area.left + lit % area.columns
    cells.codes[rows, columns] = area.dots.signs[bits[lit]]
    cells.inks[rows, columns] = top[lit]


def _band(series: Series, owner: int, figure: Figure, area: Layout) -> Lit:
    """The area of a line's interval, stippled."""
    assert series.low is not None and series.high is not None
    dots = area.dots
    across = area.dots_across(figure.x, series.x)
    # An edge below what a log scale can show is beyond the drawing, not a gap.
    bottom, top = (area.dots_down(figure.y, held(edge, figure.y)) for edge in (series.low, series.high))
    width, height = area.columns * dots.wide, area.rows * dots.high
    rows, columns, owners = raster.band(across, bottom, top, width).within(width, height).dots()
    every, of_rows = dots.stipple
    lit = (columns % every == (rows // of_rows) % every) & (rows % of_rows == of_rows // 2)
    found = Lit(row=rows // dots.high, column=columns // dots.wide,
                bits=dots.weights[rows % dots.high, columns % dots.wide], owner=owners)  # fmt: skip
    return found.where(lit).of(owner)


def held(values: Array, axis: Axis) -> Array:
    """Values moved onto the axis where they are beyond its ends; NaN stays."""
    return np.clip(values, axis.low, axis.high)


def _draw_zero(cells: Cells, figure: Figure, area: Layout, look: Look) -> None:
    """The line at zero of residuals, as a rule across."""
    sign = signs_of(look.glyphs).level
    for series in figure.series:
        if series.role is Role.ZERO and len(series.y):
            place = float(area.down(figure.y, float(series.y[0])))
            if -0.5 <= place <= area.rows - 0.5:
                ink = look.inks.neutral if look.coloured else PLAIN
                cells.write(area.top + round(place), area.left, sign * area.columns, ink)
