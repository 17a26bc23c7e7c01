"""A Surface in cells: bands of loss, contours with their values on them, runs and the frontier. No widget, no loop.

Colour fills the bands from xterm's entries; without colour, and in ASCII, a contour is a row of its own letter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scalelab.figures import Figure, Mark, Surface
from scalelab.tui.charts import axes, drawing, raster, strokes
from scalelab.tui.charts.axes import Layout
from scalelab.tui.charts.cells import Cells
from scalelab.tui.charts.drawing import Drawing, Look
from scalelab.tui.charts.glyphs import GlyphSet, dot_sign, dots_of, signs_of
from scalelab.tui.charts.inks import PLAIN, red_on, text_on
from scalelab.tui.charts.raster import Array, Ints

LEAST_FOR_KEY = 40
"""Columns from which the bands are told at the right side too."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_TEXT_ON = np.array([16] * 16 + [text_on(entry) for entry in range(16, 256)], dtype=np.int16)
_RED_ON = np.array([124] * 16 + [red_on(entry) for entry in range(16, 256)], dtype=np.int16)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contours:
    """Which places a contour passes, on a grid of dots or of cells."""

    lit: npt.NDArray[np.bool_]
    level: Ints
    """(rows, columns): the level that passes there, where one does."""


def frame_of(surface: Surface) -> Figure:
    """The axes and series of a surface as a figure."""
    return Figure(title=surface.title, x=surface.x, y=surface.y, series=surface.series)


def layout(surface: Surface, width: int, height: int, look: Look) -> Layout:
    """The cells of the surface, with room at the right for what the bands mean."""
    area = axes.layout(frame_of(surface), width, height, dots_of(look.glyphs), titled=look.titled)
    room = max((len(_value(level)) for level in surface.levels), default=0) + 4
    room += 2 * (look.coloured and is_lettered(look))
    columns, margin = area.columns + area.margin, 0
    if area.axes and surface.levels and columns - room >= LEAST_FOR_KEY:
        columns, margin = columns - room, room
    return replace(area, columns=columns, margin=margin)


def draw(surface: Surface | None, width: int, height: int, look: Look, empty: str = "") -> Drawing:
    """The surface in `width` by `height` cells, or the words that an absent one gives."""
    cells = Cells(width, height)
    if surface is None or not _sound(surface):
        drawing.say(cells, empty)
        return Drawing(cells=cells, area=None)
    area = layout(surface, width, height, look)
    if area.columns < 2 or area.rows < 2:
        return Drawing(cells=cells, area=None)
    bands = bands_of(surface, _cell_losses(surface, area))
    if look.coloured:
        _fill(cells, bands, area, len(surface.levels) + 1, look)
    levels = _draw_contours(cells, surface, bands, area, look)
    busy = _draw_series(cells, surface, area, look)
    _print_values(cells, surface, levels, busy, area, look)
    inks = look.inks if look.coloured else drawing.WITHOUT
    axes.draw_axes(cells, frame_of(surface), replace(area, margin=0), signs_of(look.glyphs), inks)
    if area.margin:
        _draw_key(cells, surface, area, look)
    return Drawing(cells=cells, area=area)


def _sound(surface: Surface) -> bool:
    grid = surface.loss.shape == (len(surface.n_tokens), len(surface.n_params)) and min(surface.loss.shape) > 1
    return grid and bool(np.isfinite(surface.loss).any()) and axes.drawable(surface.x) and axes.drawable(surface.y)


def _value(level: float) -> str:
    return f"{level:#.3g}".rstrip(".")  # levels have three digits, "3.00" too


def _cell_losses(surface: Surface, area: Layout) -> Array:
    """The loss in the middle of each cell."""
    return losses(
        surface, area.share_across(np.arange(float(area.columns))), area.share_up(np.arange(float(area.rows)))
    )


def losses(surface: Surface, columns: Array, rows: Array) -> Array:
    """The loss at (rows, columns), given as shares of the axes; between grid points it is linear."""
    across = _between(axes.shares(surface.x, surface.n_params), columns)
    up = _between(axes.shares(surface.y, surface.n_tokens), rows)
    left, right = (surface.loss[:, np.minimum(across[0] + step, surface.loss.shape[1] - 1)] for step in (0, 1))
    with np.errstate(invalid="ignore", over="ignore"):
        along = left + (right - left) * across[1]
        below, above = (along[np.minimum(up[0] + step, len(along) - 1)] for step in (0, 1))
        found: Array = below + (above - below) * up[1][:, None]
    return found


def loss_at(surface: Surface, across: float, up: float) -> float:
    """The loss at a place given as shares of both axes."""
    return float(losses(surface, np.array([across]), np.array([up]))[0, 0])


def _between(known: Array, wanted: Array) -> tuple[Ints, Array]:
    """(Index of the grid line before, share of the way to the next) of each wanted place."""
    index = np.interp(wanted, known, np.arange(len(known), dtype=float))
    first = np.floor(index).astype(np.int64)
    return first, index - first


def bands_of(surface: Surface, loss: Array) -> Ints:
    """Which band each place is in: 0 above the highest level, one more below each; −1 where there is no loss."""
    band = np.zeros(loss.shape, dtype=np.int64)
    for level in surface.levels:
        band += loss < level
    band[~np.isfinite(loss)] = -1
    return band


def contours_of(band: Ints, loss: Array) -> Contours:
    """Lines one place thin between bands: looked for downwards where the loss falls steeper so, else to the right."""
    lit = np.zeros(band.shape, dtype=np.bool_)
    level = np.zeros(band.shape, dtype=np.int64)
    here, below, right = (slice(0, -1), slice(0, -1)), (slice(1, None), slice(0, -1)), (slice(0, -1), slice(1, None))
    with np.errstate(invalid="ignore", over="ignore"):
        fall, run = np.abs(loss[below] - loss[here]), np.abs(loss[right] - loss[here])
    for beside, steeper in ((below, fall >= run), (right, run > fall)):
        crossed = (band[beside] != band[here]) & steeper & (band[beside] >= 0) & (band[here] >= 0)
        lit[here] |= crossed
        level[here][crossed] = np.minimum(band[beside], band[here])[crossed]
    return Contours(lit=lit, level=level)


def _fill(cells: Cells, bands: Ints, area: Layout, count: int, look: Look) -> None:
    colours = np.array([*(look.inks.band(place, count) for place in range(count)), PLAIN], dtype=np.int16)
    cells.papers[_inner(area)] = colours[bands]


def _inner(area: Layout) -> tuple[slice, slice]:
    return slice(area.top, area.top + area.rows), slice(area.left, area.left + area.columns)


def _draw_contours(cells: Cells, surface: Surface, bands: Ints, area: Layout, look: Look) -> Ints:
    """Draws them; returns the level in each cell, −1 where none passes."""
    if is_lettered(look):
        level = _draw_letters(cells, surface, bands, area)
    elif look.glyphs is GlyphSet.BLOCK:
        return _draw_edges(cells, surface, area, look)
    else:
        level = _draw_thin(cells, surface, area)
    if look.coloured:
        inner, shown = _inner(area), level >= 0
        cells.inks[inner][shown] = _TEXT_ON[cells.papers[inner][shown]]
    return level


def is_lettered(look: Look) -> bool:
    """Whether a contour is a row of its letter: without colour, and where there are no dots finer than a cell."""
    return not look.coloured or look.glyphs is GlyphSet.ASCII


def _draw_letters(cells: Cells, surface: Surface, bands: Ints, area: Layout) -> Ints:
    found = contours_of(bands, _cell_losses(surface, area))
    letters = np.array([ord(_LETTERS[place % 26]) for place in range(len(surface.levels) + 1)], dtype=np.uint32)
    cells.codes[_inner(area)][found.lit] = letters[found.level[found.lit]]
    return np.where(found.lit, found.level, -1)


def _dot_losses(surface: Surface, area: Layout) -> Array:
    """The loss at each dot."""
    columns, rows = area.columns * area.dots.wide, area.rows * area.dots.high
    return losses(surface, np.linspace(0.0, 1.0, columns), np.linspace(1.0, 0.0, rows))


def _draw_thin(cells: Cells, surface: Surface, area: Layout) -> Ints:
    """Lines one dot thin, for glyphs whose dots are small."""
    dots, loss = area.dots, _dot_losses(surface, area)
    found = contours_of(bands_of(surface, loss), loss)
    bits = raster.packed(found.lit, dots.weights)
    shown = bits > 0
    cells.codes[_inner(area)][shown] = dots.signs[bits[shown]]
    level = np.full(shown.shape, -1)
    rows, columns = np.nonzero(found.lit)
    level[rows // dots.high, columns // dots.wide] = found.level[rows, columns]
    return level


def _draw_edges(cells: Cells, surface: Surface, area: Layout, look: Look) -> Ints:
    """No lines but bands whose edges are as fine as the dots, for glyphs whose dots fill their cells."""
    dots, inner, count = area.dots, _inner(area), len(surface.levels) + 1
    bands = bands_of(surface, _dot_losses(surface, area))
    corners = ((down, across) for down in range(dots.high) for across in range(dots.wide))
    quarters = [bands[down :: dots.high, across :: dots.wide] for down, across in corners]
    least, most = np.minimum.reduce(quarters), np.maximum.reduce(quarters)
    bits = raster.packed(bands > np.repeat(np.repeat(least, dots.high, 0), dots.wide, 1), dots.weights)
    shown = (bits > 0) & (least >= 0)
    colours = np.array([look.inks.band(place, count) for place in range(count)], dtype=np.int16)
    cells.codes[inner][shown] = dots.signs[bits[shown]]
    cells.inks[inner][shown] = colours[most[shown]]
    cells.papers[inner][shown] = colours[least[shown]]
    return np.where(shown, least, -1)


def _draw_series(cells: Cells, surface: Surface, area: Layout, look: Look) -> npt.NDArray[np.bool_]:
    """The frontier and the runs; returns which cells they took."""
    busy = np.zeros((area.rows, area.columns), dtype=np.bool_)
    figure, inner = frame_of(surface), _inner(area)
    before = cells.codes[inner].copy()
    papers = cells.papers[inner].copy()
    strokes.draw_lines(cells, figure, area, look)
    busy |= cells.codes[inner] != before
    if look.coloured:
        cells.inks[inner][busy] = _RED_ON[papers[busy]]
    for series in surface.series:
        if series.mark is Mark.DOTS:
            rows, columns, seen = drawing.cells_of(series, figure, area)
            rows, columns = rows[seen], columns[seen]
            cells.put(area.top + rows, area.left + columns, dot_sign(series, look.glyphs), PLAIN)
            if look.coloured:
                cells.inks[area.top + rows, area.left + columns] = _TEXT_ON[papers[rows, columns]]
            busy[rows, columns] = True
    return busy


def _print_values(
    cells: Cells, surface: Surface, levels: Ints, busy: npt.NDArray[np.bool_], area: Layout, look: Look
) -> None:
    """Each contour's value on it, near its middle, where it hides no run, not the frontier and no other value."""
    taken = busy.copy()
    for place, level in enumerate(surface.levels):
        word = _value(level)
        others = (levels >= 0) & (levels != place)
        spot = _spot(levels == place, taken, others, len(word))
        if spot is None:
            continue
        row, column = spot
        taken[max(row - 1, 0) : row + 2, max(column - 2, 0) : column + len(word) + 2] = True
        paper = int(cells.papers[area.top + row, area.left + column + len(word) // 2])
        ink = PLAIN if paper == PLAIN else int(_TEXT_ON[paper])
        cells.write(area.top + row, area.left + column, word, ink, paper=paper)


def _spot(
    own: npt.NDArray[np.bool_], taken: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_], length: int
) -> tuple[int, int] | None:
    """(Row, first column) for a word on a contour; None where there is no room for all of it."""
    rows, columns = np.nonzero(own)
    starts = columns - length // 2
    fits = (starts >= 1) & (starts + length < own.shape[1])
    rows, columns, starts = rows[fits], columns[fits], starts[fits]
    if not len(rows):
        return None
    along = np.argsort(np.argsort(columns - rows, kind="stable"), kind="stable")
    cost = np.abs(along / max(len(rows) - 1, 1) - 0.5) * 10.0
    cost += 20.0 * _count(others, rows, starts, length)
    cost[_count(taken, rows, starts - 1, length + 2) > 0] = np.inf
    best = int(np.argmin(cost))
    return (int(rows[best]), int(starts[best])) if np.isfinite(cost[best]) else None


def _count(mask: npt.NDArray[np.bool_], rows: Ints, starts: Ints, length: int) -> Ints:
    """How many cells of a mask lie in each stretch of a row."""
    sums = np.concatenate([np.zeros((len(mask), 1), dtype=np.int64), np.cumsum(mask, axis=1)], axis=1)
    found: Ints = sums[rows, np.minimum(starts + length, mask.shape[1])] - sums[rows, np.maximum(starts, 0)]
    return found


def _draw_key(cells: Cells, surface: Surface, area: Layout, look: Look) -> None:
    """What the bands mean: a bar of their colours with the levels between them, or the letters of the contours."""
    count, column = len(surface.levels) + 1, area.left + area.columns + 1
    edges = [round(place * area.rows / count) for place in range(count + 1)]
    for place in range(count):
        if look.coloured:
            for row in range(edges[place], edges[place + 1]):
                cells.papers[area.top + row, column : column + 2] = look.inks.band(place, count)
        if place and edges[place] < edges[place + 1]:
            word = _value(surface.levels[place - 1])
            letter = f"{_LETTERS[(place - 1) % 26]} "
            cells.write(area.top + edges[place], column + (3 if look.coloured else 0),
                        f"{letter}{word}" if is_lettered(look) else word,
                        look.inks.axis if look.coloured else PLAIN)  # fmt: skip
