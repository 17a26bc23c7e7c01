"""A Figure in cells: lines in dots, signs for what was measured, axes and labels. Knows nothing of Textual's loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalelab.figures import Axis, Figure, Mark, Role, Series
from scalelab.tui.charts import axes, labels, raster
from scalelab.tui.charts.cells import Cells
from scalelab.tui.charts.glyphs import Dots, GlyphSet, dot_sign, dots_of, signs_of
from scalelab.tui.charts.inks import DARK, PLAIN, Inks
from scalelab.tui.charts.raster import Array, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a drawing is to look."""

    glyphs: GlyphSet = GlyphSet.BRAILLE
    coloured: bool = True
    inks: Inks = DARK
    titled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawing:
    """A figure in cells, and where its axes lie in them; no `area` where nothing could be drawn."""

    cells: Cells
    area: axes.Layout | None


def draw(figure: Figure | None, width: int, height: int, look: Look, empty: str = "") -> Drawing:
    """The figure in `width` by `height` cells, or the words that an empty one gives."""
    cells = Cells(width, height)
    if figure is None or figure.empty or not (axes.drawable(figure.x) and axes.drawable(figure.y)):
        say(cells, empty)
        return Drawing(cells=cells, area=None)
    area = axes.layout(figure, width, height, dots_of(look.glyphs), titled=look.titled)
    if area.columns < 1 or area.rows < 1:
        return Drawing(cells=cells, area=None)
    signs = signs_of(look.glyphs)
    if look.coloured and area.axes:
        axes.draw_grid(cells, figure.y, area, signs, look.inks)
    draw_lines(cells, figure, area, look)
    draw_signs(cells, figure, area, look)
    axes.draw_axes(cells, figure, area, signs, look.inks if look.coloured else WITHOUT)
    if axes.is_keyed(figure):
        axes.draw_key(cells, figure, area, signs.run, look.inks, look.coloured)
    elif area.margin:
        labels.label_ends(cells, figure, area, look.inks, look.coloured)
    return Drawing(cells=cells, area=area)


WITHOUT = Inks(palette=(PLAIN,), red=PLAIN, neutral=PLAIN, axis=PLAIN, grid=PLAIN, ramp=(PLAIN,))


def say(cells: Cells, words: str) -> None:
    """Words in the middle of a drawing that has nothing to show, broken between words where they are long."""
    import textwrap

    given = [line for part in words.splitlines() for line in textwrap.wrap(part, max(cells.columns - 2, 1))]
    for row, line in enumerate(given[: cells.rows], start=max((cells.rows - len(given)) // 2, 0)):
        cells.write(row, max((cells.columns - len(line)) // 2, 0), line)


def draw_lines(cells: Cells, figure: Figure, area: axes.Layout, look: Look) -> None:
    """All lines and bands: a cell takes the colour of the last line in it and keeps the dots of that colour.

    Without colour a cell keeps every dot, and the frontier is drawn in signs of its own.
    """
    dots = dots_of(look.glyphs)
    width, height = area.columns * dots.wide, area.rows * dots.high
    drawn = [each for each in figure.series if each.mark is Mark.LINE and each.role is not Role.ZERO and len(each.x)]
    _draw_zero(cells, figure, area, look)
    if not drawn:
        return
    owner = np.repeat(np.arange(len(drawn)), [len(each.x) for each in drawn])
    x, y = (np.concatenate(each) for each in ([each.x for each in drawn], [each.y for each in drawn]))
    passed = raster.lines(area.dots_across(figure.x, x), area.dots_down(figure.y, y), owner, width, height)
    inks = np.array([look.inks.of(each) if look.coloured else PLAIN for each in drawn], dtype=np.int64)
    rows, columns, owners = _with_bands(drawn, figure, area, dots, passed)
    if not look.coloured:
        _draw_own_signs(cells, drawn, (rows, columns, owners), area, dots, look)
        plain = np.array([each.role is not Role.FRONTIER for each in drawn])[owners]
        rows, columns, owners = rows[plain], columns[plain], owners[plain]
    _light(cells, (rows, columns, owners), inks, area, dots)


def _with_bands(
    drawn: list[Series], figure: Figure, area: axes.Layout, dots: Dots, passed: raster.Intervals
) -> tuple[Ints, Ints, Ints]:
    """The dots of bands, every n-th alone, and then those of lines: a band lies under every line."""
    parts = [_band_dots(series, place, figure, area, dots) for place, series in enumerate(drawn)
             if series.low is not None and series.high is not None]  # fmt: skip
    parts.append(passed.dots())
    rows, columns, owners = (np.concatenate([part[index] for part in parts]) for index in range(3))
    return rows, columns, owners


def _band_dots(series: Series, owner: int, figure: Figure, area: axes.Layout, dots: Dots) -> tuple[Ints, Ints, Ints]:
    assert series.low is not None and series.high is not None
    across = area.dots_across(figure.x, series.x)
    # An edge below what a log scale can show is beyond the drawing, not a gap.
    bottom, top = (area.dots_down(figure.y, _held(edge, figure.y)) for edge in (series.low, series.high))
    width, height = area.columns * dots.wide, area.rows * dots.high
    rows, columns, _ = raster.band(across, bottom, top, width).within(width, height).dots()
    every, of_rows = dots.stipple
    lit = (columns % every == (rows // of_rows) % every) & (rows % of_rows == of_rows // 2)
    return rows[lit], columns[lit], np.full(int(lit.sum()), owner)


def _light(cells: Cells, found: tuple[Ints, Ints, Ints], inks: Ints, area: axes.Layout, dots: Dots) -> None:
    """Dots into cells; they come in order, so that the last one of a cell is the one on top."""
    rows, columns, owners = found
    top = np.full((area.rows, area.columns), PLAIN - 1, dtype=np.int64)
    at = (rows // dots.high, columns // dots.wide)
    top[at] = inks[owners]
    kept = inks[owners] == top[at]
    lit = np.zeros((area.rows * dots.high, area.columns * dots.wide), dtype=np.bool_)
    lit[rows[kept], columns[kept]] = True
    bits = raster.packed(lit, dots.weights)
    shown = bits > 0
    inner = (slice(area.top, area.top + area.rows), slice(area.left, area.left + area.columns))
    cells.codes[inner][shown] = dots.signs[bits[shown]]
    cells.inks[inner][shown] = top[shown]


def _draw_own_signs(
    cells: Cells, drawn: list[Series], found: tuple[Ints, Ints, Ints], area: axes.Layout, dots: Dots, look: Look
) -> None:
    """Where no colour tells them apart, the frontier as a row of signs."""
    rows, columns, owners = found
    own = np.array([each.role is Role.FRONTIER for each in drawn])[owners]
    cells.put(area.top + rows[own] // dots.high, area.left + columns[own] // dots.wide,
              signs_of(look.glyphs).frontier, PLAIN)  # fmt: skip


def _draw_zero(cells: Cells, figure: Figure, area: axes.Layout, look: Look) -> None:
    """The line at zero of residuals, as a rule across."""
    sign = signs_of(look.glyphs).level
    for series in figure.series:
        if series.role is Role.ZERO and len(series.y):
            place = float(area.down(figure.y, float(series.y[0])))
            if -0.5 <= place <= area.rows - 0.5:
                ink = look.inks.neutral if look.coloured else PLAIN
                cells.write(area.top + round(place), area.left, sign * area.columns, ink)


def draw_signs(cells: Cells, figure: Figure, area: axes.Layout, look: Look) -> None:
    """Dots, each a whole cell, with their whiskers beneath: no line hides what was measured."""
    given = [each for each in figure.series if each.mark is Mark.DOTS]
    for series in given:
        _whiskers(cells, series, figure, area, look)
    for series in given:
        rows, columns, seen = cells_of(series, figure, area)
        ink = look.inks.of(series) if look.coloured else PLAIN
        cells.put(area.top + rows[seen], area.left + columns[seen], dot_sign(series, look.glyphs), ink)


def cells_of(series: Series, figure: Figure, area: axes.Layout) -> tuple[Ints, Ints, np.ndarray]:
    """(row, column, whether it is inside) of each point, in cells of the area."""
    across, down = area.across(figure.x, series.x), area.down(figure.y, series.y)
    seen = axes.inside(across, down, area)
    held = (np.rint(np.where(seen, place, 0.0)).astype(np.int64) for place in (down, across))
    rows, columns = held
    return np.clip(rows, 0, area.rows - 1), np.clip(columns, 0, area.columns - 1), seen


def _whiskers(cells: Cells, series: Series, figure: Figure, area: axes.Layout, look: Look) -> None:
    """Upright and flat intervals about dots, exact to half a cell."""
    signs = signs_of(look.glyphs)
    ink = look.inks.of(series) if look.coloured else PLAIN
    across, down = area.across(figure.x, series.x), area.down(figure.y, series.y)
    if series.low is not None and series.high is not None:
        ends = [_halves(area.down(figure.y, _held(edge, figure.y))) for edge in (series.high, series.low)]
        for column, top, bottom in _bars(across, *ends, most=area.columns):
            for half, sign in _stroke(top, bottom, (signs.upright, signs.ends[0], signs.ends[1])):
                cells.write(area.top + half, area.left + column, sign, ink)
    if series.x_low is not None and series.x_high is not None:
        ends = [_halves(area.across(figure.x, _held(edge, figure.x))) for edge in (series.x_low, series.x_high)]
        for row, left, right in _bars(down, *ends, most=area.rows):
            for half, sign in _stroke(left, right, (signs.level, signs.ends[2], signs.ends[3])):
                cells.write(area.top + row, area.left + half, sign, ink)


def _held(values: Array, axis: Axis) -> Array:
    """Values moved onto the axis where they are beyond its ends; NaN stays."""
    return np.clip(values, axis.low, axis.high)


def _halves(place: Array) -> Array:
    """Places in cells as places in half cells."""
    return 2.0 * place + 0.5


def _bars(place: Array, first: Array, last: Array, *, most: int) -> list[tuple[int, int, int]]:
    """(cell beside, first half cell, last half cell) of each whisker that has all three."""
    known = np.isfinite(place) & np.isfinite(first) & np.isfinite(last) & (place >= -0.5) & (place < most - 0.5)
    return [(round(at), round(start), round(end)) for at, start, end in
            zip(place[known].tolist(), first[known].tolist(), last[known].tolist(), strict=True)]  # fmt: skip


def _stroke(first: int, last: int, signs: tuple[str, str, str]) -> list[tuple[int, str]]:
    """(cell, sign) along a bar from half cell to half cell."""
    whole, begins, ends = signs
    return [
        (cell, begins if 2 * cell < first else ends if 2 * cell + 1 > last else whole)
        for cell in range(first // 2, last // 2 + 1)
    ]
