"""A Figure in cells: lines in dots, signs for what was measured, axes and labels. Knows nothing of Textual's loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalelab.figures import Figure, Mark, Series
from scalelab.tui.charts import axes, labels
from scalelab.tui.charts.cells import Cells
from scalelab.tui.charts.glyphs import dot_sign, dots_of, shape, signs_of
from scalelab.tui.charts.inks import PLAIN, Inks
from scalelab.tui.charts.look import Look
from scalelab.tui.charts.memory import Memory
from scalelab.tui.charts.raster import Array, Ints
from scalelab.tui.charts.strokes import draw_lines, held

__all__ = ["WITHOUT", "Drawing", "Look", "cells_of", "draw", "draw_signs", "say"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawing:
    """A figure in cells, and where its axes lie in them; no `area` where nothing could be drawn."""

    cells: Cells
    area: axes.Layout | None


def draw(
    figure: Figure | None, width: int, height: int, look: Look, empty: str = "", memory: Memory | None = None
) -> Drawing:
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
    draw_lines(cells, figure, area, look, memory)
    draw_signs(cells, figure, area, look)
    axes.draw_axes(cells, figure, area, signs, look.inks if look.coloured else WITHOUT)
    if axes.is_keyed(figure):
        axes.draw_key(cells, figure, area, lambda series: sign_of(series, figure, look), look.inks, look.coloured)
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


def draw_signs(cells: Cells, figure: Figure, area: axes.Layout, look: Look) -> None:
    """Dots, each a whole cell, with their whiskers beneath: no line hides what was measured."""
    given = [each for each in figure.series if each.mark is Mark.DOTS]
    for series in given:
        _whiskers(cells, series, figure, area, look)
    for series in given:
        rows, columns, seen = cells_of(series, figure, area)
        ink = look.inks.of(series) if look.coloured else PLAIN
        cells.put(area.top + rows[seen], area.left + columns[seen], sign_of(series, figure, look), ink)


def sign_of(series: Series, figure: Figure, look: Look) -> str:
    """The sign of a series' dots; where colours would tell the series apart and there are none, a shape of its own."""
    if look.coloured or not axes.is_keyed(figure):
        return dot_sign(series, look.glyphs)
    named = [each is series for each in figure.series if each.label]
    return shape(named.index(True), look.glyphs) if True in named else dot_sign(series, look.glyphs)


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
        ends = [_halves(area.down(figure.y, held(edge, figure.y))) for edge in (series.high, series.low)]
        for column, top, bottom in _bars(across, *ends, most=area.columns):
            for half, sign in _stroke(top, bottom, (signs.upright, signs.ends[0], signs.ends[1])):
                cells.write(area.top + half, area.left + column, sign, ink)
    if series.x_low is not None and series.x_high is not None:
        ends = [_halves(area.across(figure.x, held(edge, figure.x))) for edge in (series.x_low, series.x_high)]
        for row, left, right in _bars(down, *ends, most=area.rows):
            for half, sign in _stroke(left, right, (signs.level, signs.ends[2], signs.ends[3])):
                cells.write(area.top + row, area.left + half, sign, ink)


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
