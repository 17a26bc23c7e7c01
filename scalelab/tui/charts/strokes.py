"""The lines of a figure into cells: which dots each lights, whose colour a cell takes. Knows figures, no widget.

A cell takes the colour of the last line in it and keeps the dots of that colour; without colour it keeps every dot.
"""

from __future__ import annotations

import numpy as np

from scalelab.figures import Axis, Figure, Mark, Role, Series
from scalelab.tui.charts import raster
from scalelab.tui.charts.axes import Layout
from scalelab.tui.charts.cells import Cells
from scalelab.tui.charts.glyphs import signs_of
from scalelab.tui.charts.inks import PLAIN
from scalelab.tui.charts.look import Look
from scalelab.tui.charts.memory import Memory
from scalelab.tui.charts.raster import Array, Ints, Lit


def lines_of(figure: Figure) -> list[Series]:
    """The series that are drawn as lines of dots."""
    return [each for each in figure.series if each.mark is Mark.LINE and each.role is not Role.ZERO and len(each.x)]


def draw_lines(cells: Cells, figure: Figure, area: Layout, look: Look, memory: Memory | None = None) -> None:
    """All bands, and over them all lines, the later over the earlier."""
    drawn = lines_of(figure)
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
