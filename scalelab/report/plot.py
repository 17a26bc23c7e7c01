"""A figure drawn with plotext, as lines of text with colours. It knows nothing of labs or laws, only of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from scalelab.figures import Axis, Figure, Mark, Role, Series, colour_of
from scalelab.figures.palette import FRONTIER


class Glyphs(StrEnum):
    """What the terminal's font can show."""

    BRAILLE = "braille"
    ASCII = "ascii"


# Each role has a glyph of its own, so that the figure can be read without colour.
_GLYPHS = {
    Glyphs.BRAILLE: {Role.ISO_N: "braille", Role.CURVE: "braille", Role.RUNS: "●", Role.FRONTIER: "·",
                     Role.FORECAST: "◆", Role.ZERO: "─", Role.CONTOUR: "braille", Role.ISO_C: "braille",
                     Role.MINIMUM: "◆", Role.OPTIMUM: "braille", Role.SCORE: "●", Role.CHOSEN: "◆"},
    Glyphs.ASCII: {Role.ISO_N: ".", Role.CURVE: ".", Role.RUNS: "o", Role.FRONTIER: "+", Role.FORECAST: "X",
                   Role.ZERO: "-", Role.CONTOUR: ".", Role.ISO_C: ".", Role.MINIMUM: "X", Role.OPTIMUM: ".",
                   Role.SCORE: "o", Role.CHOSEN: "X"},
}  # fmt: skip
RED = frozenset({Role.FRONTIER, Role.FORECAST, Role.CHOSEN})
LEAST_WIDTH, LEAST_HEIGHT = 30, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Canvas:
    """The cells inside the axes, and how much of the width is kept for labels at line ends."""

    columns: int
    rows: int
    margin: int

    def column(self, share: float) -> int:
        """Cell column of a share of the x axis, 0 at its low end."""
        return round(share * (self.columns - self.margin - 1))

    def row(self, share: float) -> int:
        """Cell row of a share of the y axis, 0 at its low end."""
        return round(share * (self.rows - 1))


def draw(figure: Figure, width: int, height: int, glyphs: Glyphs = Glyphs.BRAILLE) -> str:
    """The figure in `width` by `height` cells with ANSI colours, its title left to the caller."""
    import plotext

    width, height = max(width, LEAST_WIDTH), max(height, LEAST_HEIGHT)
    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.theme("clear")
    plotext.plot_size(width, height)
    plotext.frame(False)
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    canvas = _axes(plotext, figure, width, height)
    for series in figure.series:
        _draw(plotext, figure, series, canvas, glyphs)
    for column, row, label, colour in _labels(figure, canvas):
        plotext.text(label, column, row, color=colour, alignment="left")
    drawn = str(plotext.build())
    plotext.clear_figure()
    return drawn.rstrip("\n")


def _axes(plotext: Any, figure: Figure, width: int, height: int) -> _Canvas:
    """Ticks and limits, in cells: plotext's own logarithmic scale places neither ticks nor labels well."""
    y_ticks = figure.y.ticks(max(2, min(height // 3, 8)))
    columns = width - max((len(label) for _, label in y_ticks), default=0) - 1
    longest = max((len(each.label) for each in figure.series), default=0)
    canvas = _Canvas(columns=columns, rows=height - 3, margin=longest + 2 if longest else 0)
    x_ticks = figure.x.ticks(max(2, min(width // 14, 10)))
    plotext.xlim(0, columns - 1)
    plotext.ylim(0, canvas.rows - 1)
    plotext.xticks([canvas.column(_share(figure.x, value)) for value, _ in x_ticks], [label for _, label in x_ticks])
    plotext.yticks([canvas.row(_share(figure.y, value)) for value, _ in y_ticks], [label for _, label in y_ticks])
    plotext.xlabel(figure.x.label)
    return canvas


def _share(axis: Axis, value: float) -> float:
    return float(axis.place(value))


def _draw(plotext: Any, figure: Figure, series: Series, canvas: _Canvas, glyphs: Glyphs) -> None:
    glyph = _GLYPHS[glyphs][series.role]
    if series.mark is Mark.DOTS and series.role in {Role.ISO_C, Role.OPTIMUM}:
        glyph = _GLYPHS[glyphs][Role.RUNS]
    colour = _colour(series)
    with np.errstate(over="ignore"):
        x = figure.x.place(series.x) * (canvas.columns - canvas.margin - 1)
        y = figure.y.place(series.y) * (canvas.rows - 1)
    if series.low is not None and series.high is not None and series.mark is Mark.DOTS:
        _whiskers(plotext, figure, series, canvas, glyphs)
    if series.low is not None and series.high is not None and series.mark is Mark.LINE:
        _band(plotext, figure, series, canvas, glyphs)
    if series.x_low is not None and series.x_high is not None:
        _flat_whiskers(plotext, figure, series, canvas, glyphs)
    if series.mark is Mark.DOTS:
        good = _inside(figure.x, series.x) & _inside(figure.y, series.y)
        if good.any():
            plotext.scatter(x[good].tolist(), y[good].tolist(), marker=glyph, color=colour)
        return
    for piece in _pieces(_inside(figure.x, series.x) & _inside(figure.y, series.y)):
        plotext.plot(x[piece].tolist(), y[piece].tolist(), marker=glyph, color=colour)


def _whiskers(plotext: Any, figure: Figure, series: Series, canvas: _Canvas, glyphs: Glyphs) -> None:
    assert series.low is not None and series.high is not None
    bar = "│" if glyphs is Glyphs.BRAILLE else "|"
    for x, low, high in zip(series.x, series.low, series.high, strict=True):
        ends = [canvas.row(min(max(_share(figure.y, value), 0.0), 1.0)) for value in (low, high)]
        column = canvas.column(_share(figure.x, x))
        rows = list(range(ends[0], ends[1] + 1))
        plotext.scatter([column] * len(rows), rows, marker=bar, color=_colour(series))


def _band(plotext: Any, figure: Figure, series: Series, canvas: _Canvas, glyphs: Glyphs) -> None:
    """The edges of a line's band, as dots far enough apart not to be taken for lines."""
    dot = "·" if glyphs is Glyphs.BRAILLE else "."
    columns = np.linspace(0, len(series.x) - 1, min(len(series.x), 24)).astype(int)
    for edge in (series.low, series.high):
        assert edge is not None
        x, y = series.x[columns], edge[columns]
        good = _inside(figure.x, x) & _inside(figure.y, y)
        if good.any():
            across = figure.x.place(x[good]) * (canvas.columns - canvas.margin - 1)
            plotext.scatter(across.tolist(), (figure.y.place(y[good]) * (canvas.rows - 1)).tolist(), marker=dot,
                            color=_colour(series))  # fmt: skip


def _flat_whiskers(plotext: Any, figure: Figure, series: Series, canvas: _Canvas, glyphs: Glyphs) -> None:
    assert series.x_low is not None and series.x_high is not None
    bar = "─" if glyphs is Glyphs.BRAILLE else "-"
    for y, low, high in zip(series.y, series.x_low, series.x_high, strict=True):
        ends = [canvas.column(min(max(_share(figure.x, value), 0.0), 1.0)) for value in (low, high)]
        columns = list(range(ends[0], ends[1] + 1))
        row = canvas.row(_share(figure.y, y))
        plotext.scatter(columns, [row] * len(columns), marker=bar, color=_colour(series))


def _inside(axis: Axis, values: np.ndarray) -> np.ndarray:
    """Which values can be shown: NaN is no place, and one far outside would take plotext long to draw a line to."""
    shares = axis.place(values)
    return np.isfinite(shares) & (shares > -1.0) & (shares < 2.0)


def _pieces(good: np.ndarray) -> list[slice]:
    """Stretches of points that can be shown: a NaN is a gap and is not joined over."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(int)))
    return [slice(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _colour(series: Series) -> int:
    return FRONTIER.xterm if series.role in RED else colour_of(series.colour).xterm


def _labels(figure: Figure, canvas: _Canvas) -> list[tuple[int, int, str, int]]:
    """(column, row, label, colour) at each line's right end, moved up or down until no two overlap."""
    wanted = []
    for series in figure.series:
        good = np.flatnonzero(_inside(figure.x, series.x) & _inside(figure.y, series.y))
        if series.label and len(good):
            last = good[int(np.argmax(series.x[good]))]
            right = series.x[last] if series.x_high is None else min(series.x_high[last], figure.x.high)
            column = canvas.column(_share(figure.x, float(right))) + 2
            wanted.append((column, canvas.row(_share(figure.y, float(series.y[last]))), series))
    taken: dict[int, list[tuple[int, int]]] = {}
    placed = []
    for column, row, series in sorted(wanted, key=lambda each: -each[1]):
        free = _free_row(row, column, len(series.label), taken, canvas.rows)
        taken.setdefault(free, []).append((column, column + len(series.label)))
        placed.append((column, free, series.label, _colour(series)))
    return placed


def _free_row(row: int, column: int, length: int, taken: dict[int, list[tuple[int, int]]], rows: int) -> int:
    for move in sorted(range(-rows, rows + 1), key=abs):
        at = row + move
        if 0 <= at < rows and all(column >= end or column + length <= start for start, end in taken.get(at, ())):
            return at
    return row


def legend(glyphs: Glyphs, roles: Sequence[Role]) -> str:
    """One line that says what each glyph is."""
    words = {Role.ISO_N: "the law at one N", Role.CONTOUR: "one loss", Role.RUNS: "runs",
             Role.FRONTIER: "best for each C", Role.FORECAST: "10 × the compute",
             Role.ISO_C: "one compute", Role.MINIMUM: "its minimum",
             Role.OPTIMUM: "best N and D", Role.SCORE: "a law", Role.CHOSEN: "the law shown"}  # fmt: skip
    shown = _GLYPHS[glyphs]
    return "   ".join(
        f"{'⠤' if shown[role] == 'braille' else shown[role]} {words[role]}" for role in words if role in roles
    )
