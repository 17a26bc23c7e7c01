"""What part of a figure is looked at, and what stands under a cursor in it. Figures and places alone, no widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scalelab.figures import Axis, Figure, Mark, Notation, Series
from scalelab.figures.axis import around
from scalelab.report.numbers import flops
from scalelab.tui.charts.axes import Layout, drawable, inside
from scalelab.tui.charts.raster import Array, Ints
from scalelab.tui.charts.rising import rises

Window = tuple[float, float]
"""The shown part of an x axis, as shares of the whole: (0, 1) is all of it."""
WHOLE: Window = (0.0, 1.0)
Span = tuple[float, float]
"""The shown part of an x axis, in its values: they stay where the axis grows."""
NARROWEST = 1 / 4096
_ROUNDING = 1e-12
NEAR = 0.5
"""Cells from the cursor's column within which a point is read itself, and not the line between two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a cursor points at."""

    name: str
    point: str
    """Name of the dot; empty on a line."""
    x: float
    y: float
    column: float
    row: float
    """Where it lies, in cells of the area."""


def value_at(axis: Axis, share: float) -> float:
    """The value at a share of the axis."""
    if axis.log:
        return float(axis.low * (axis.high / axis.low) ** share)
    return axis.low + (axis.high - axis.low) * share


def zoomed(window: Window, factor: float, about: float = 0.5) -> Window:
    """A window `factor` times as wide; the share `about` of it stays where it is, as far as there is axis."""
    wide = min(max((window[1] - window[0]) * factor, NARROWEST), 1.0)
    kept = window[0] + (window[1] - window[0]) * about
    return moved((kept - wide * about, kept - wide * about + wide), 0.0)


def moved(window: Window, by: float) -> Window:
    """A window shifted by a share of its own width, held inside the axis."""
    wide = min(window[1] - window[0], 1.0)
    low = min(max(window[0] + by * wide, 0.0), 1.0 - wide)
    return low, low + wide


def window_of(axis: Axis, span: Span | None) -> Window:
    """A part of an axis as shares of it; None is all of it."""
    if span is None:
        return WHOLE
    low, high = axis.place(span).tolist()
    return low, high


def span_of(axis: Axis, window: Window) -> Span | None:
    """A part of an axis in its values, exact at its ends; None where it is all of it."""
    low = axis.low if window[0] <= _ROUNDING else value_at(axis, window[0])
    high = axis.high if window[1] >= 1.0 - _ROUNDING else value_at(axis, window[1])
    return None if (low, high) == (axis.low, axis.high) else (low, high)


def carried(span: Span | None, before: Axis, after: Axis) -> Span | None:
    """The span of an axis that has grown: the same values, but one that reached its end goes on to the new end."""
    if span is None or not (drawable(before) and drawable(after)):
        return None
    if before.log != after.log or before.label != after.label:
        return None
    low, high = max(span[0], after.low), after.high if span[1] >= before.high else min(span[1], after.high)
    if not low < high or (low, high) == (after.low, after.high):
        return None
    shares = window_of(after, (low, high))
    return (low, high) if shares[1] - shares[0] >= NARROWEST / 2 else None


def seen(figure: Figure, span: Span | None) -> Figure:
    """The figure with its x axis cut to the span, and then with its y axis fitted to what is seen there.

    Where it grows and its end is seen, axes end at steps: or all lines would be drawn anew at every point.
    """
    x, y = figure.x, figure.y
    if span is not None and drawable(x):
        x = replace(x, low=span[0], high=span[1])
    grows = figure.growing and drawable(x) and drawable(y)
    if grows and x.high >= figure.x.high:
        x = x.stepped(low=False)
    if x.low != figure.x.low or x.high < figure.x.high:
        y = _fitted(figure, x.low, x.high)
    return replace(figure, x=x, y=y.stepped() if grows else y)


def _fitted(figure: Figure, low: float, high: float) -> Axis:
    """The y axis about the values between two of x, within what the figure shows; itself where there are none."""
    if figure.y.names:
        return figure.y
    ends: list[float] = []
    for series in figure.series:
        there = _between_values(series, low, high)
        x, y = series.x[there], series.y[there]
        if there == slice(None):
            y = y[(x >= low) & (x <= high)]
        ends += _extremes(y, figure.y)
    if not ends:
        return figure.y
    bottom, top = around(ends, log=figure.y.log)
    return replace(figure.y, low=bottom, high=top)


def _extremes(y: Array, axis: Axis) -> list[float]:
    """The least and the greatest of some values that the axis holds; nothing where it holds none."""
    if not len(y):
        return []
    least, most = float(np.minimum.reduce(y)), float(np.maximum.reduce(y))
    if least >= axis.low and most <= axis.high:  # neither is, where a value is no number
        return [least, most]
    within = y[(y >= axis.low) & (y <= axis.high)]
    return [float(within.min()), float(within.max())] if len(within) else []


def _between_values(series: Series, low: float, high: float, more: int = 0) -> slice:
    """Where the points of a series between two values of x are, and so many more on each side.

    Of a line, which goes from left to right, those are a few; of anything else it is all.
    """
    if series.mark is not Mark.LINE or not rises(series.x):
        return slice(None)
    first, last = int(series.x.searchsorted(low)), int(series.x.searchsorted(high, side="right"))
    return slice(max(first - more, 0), last + more)


class Crossing:
    """What a column of cells meets: the points near it, and of other lines the place at which they pass it."""

    def __init__(self, figure: Figure, area: Layout, column: int) -> None:
        self._figure, self._area, self._column = figure, area, column
        # A cell more on each side, and a point more: those between which a line passes the column.
        low, high = (value_at(figure.x, float(area.share_across(column + side * (1 + NEAR)))) for side in (-1, 1))
        parts = [_between_values(series, low, high, more=1) for series in figure.series]
        xs = [series.x[part] for series, part in zip(figure.series, parts, strict=True)]
        ys = [series.y[part] for series, part in zip(figure.series, parts, strict=True)]
        x, y = (np.concatenate([np.zeros(0), *each]) for each in (xs, ys))
        sizes = np.array([len(each) for each in xs], dtype=np.int64)
        self._owner = np.repeat(np.arange(len(sizes)), sizes)
        # Where a point stands in its whole series, from where it stands among all of these.
        self._shift = np.array([part.start or 0 for part in parts], dtype=np.int64) - np.cumsum(sizes) + sizes
        self._across, self._down = area.across(figure.x, x), area.down(figure.y, y)
        near = inside(self._across, self._down, area) & (np.abs(self._across - column) <= NEAR)
        self._near = np.flatnonzero(near)
        self._between = self._passing()

    def readings(self, row: float) -> list[Reading]:
        """What can be read there, from above: of each series at most one point; the nearest of all where none is."""
        found = dict(self._between)
        for at in self._nearest_of_each(row).tolist():
            place = int(self._owner[at])
            found[place] = _point(self._figure.series[place], at + int(self._shift[place]), float(self._across[at]),
                                  float(self._down[at]))  # fmt: skip
        if not found and (nearest := _nearest(self._figure, self._area, self._column, row)) is not None:
            return [nearest]
        return sorted((found[place] for place in sorted(found)), key=lambda each: each.row)

    def _nearest_of_each(self, row: float) -> Ints:
        """Of each series' points in the column the one nearest to the cursor, the first of those alike."""
        if not len(self._near):
            return self._near
        owner, far = self._owner[self._near], np.abs(self._down[self._near] - row)
        begins = np.flatnonzero(np.diff(owner, prepend=-1))
        least = np.repeat(np.minimum.reduceat(far, begins), np.diff(begins, append=len(far)))
        alike = np.flatnonzero(far == least)
        found: Ints = self._near[alike[np.diff(owner[alike], prepend=-1) != 0]]
        return found

    def _passing(self) -> dict[int, Reading]:
        """Of lines without a point there their places between two points, straight on the drawing; by series."""
        left, down, owner = self._across - self._column, self._down, self._owner
        lines = np.array([series.mark is Mark.LINE for series in self._figure.series], dtype=bool)
        lines[owner[self._near]] = False
        with np.errstate(invalid="ignore", over="ignore"):
            joined = np.isfinite(down[:-1]) & np.isfinite(down[1:]) & (owner[:-1] == owner[1:]) & lines[owner[:-1]]
            at = np.flatnonzero((left[:-1] * left[1:] <= 0) & joined & (left[:-1] != left[1:]))
        at = at[np.diff(owner[at], append=-1) != 0]  # the last crossing of each line
        rows = down[at] - left[at] / (left[at + 1] - left[at]) * (down[at + 1] - down[at])
        seen = (rows >= -0.5) & (rows < self._area.rows - 0.5)
        x = value_at(self._figure.x, float(self._area.share_across(self._column)))
        return {
            place: Reading(
                name=self._figure.series[place].name, point="", x=x, y=value_at(self._figure.y, share),
                column=float(self._column), row=row,
            )
            for place, row, share in zip(
                owner[at[seen]].tolist(), rows[seen].tolist(), self._area.share_up(rows[seen]).tolist(), strict=True
            )
        }  # fmt: skip


def _nearest(figure: Figure, area: Layout, column: int, row: float) -> Reading | None:
    """The nearest point of all; a cell is twice as high as wide."""
    best: tuple[float, Reading] | None = None
    for series in figure.series:
        across, down = area.across(figure.x, series.x), area.down(figure.y, series.y)
        seen = np.flatnonzero(inside(across, down, area))
        if len(seen):
            far = np.abs(across[seen] - column) + 2 * np.abs(down[seen] - row)
            at = int(seen[np.argmin(far)])
            if best is None or float(far.min()) < best[0]:
                best = (float(far.min()), _point(series, at, float(across[at]), float(down[at])))
    return best[1] if best else None


def _point(series: Series, at: int, column: float, row: float) -> Reading:
    return Reading(
        name=series.name, point=series.points[at] if at < len(series.points) else "", x=float(series.x[at]),
        y=float(series.y[at]), column=column, row=row,
    )  # fmt: skip


def chosen(found: Sequence[Reading], row: float, name: str) -> Reading | None:
    """The reading that a cursor keeps: of the series that it followed, else the nearest in height."""
    same = [each for each in found if each.name == name]
    return min(same or found, key=lambda each: abs(each.row - row), default=None)


def written(axis: Axis, value: float) -> str:
    """A value that is read off, with a digit more than a tick has."""
    if axis.names:
        place = round(value)
        return axis.names[place] if 0 <= place < len(axis.names) else "?"
    if axis.notation is Notation.POWER:
        return flops(value)
    return axis.write(value)


def sentence(figure: Figure, reading: Reading, width: int) -> str:
    """What a read-out says, with whole names where there is room."""
    name = f"{reading.name}, {reading.point}" if reading.point and reading.point != reading.name else reading.name
    values = (written(figure.x, reading.x), written(figure.y, reading.y))
    whole = [f"{axis.label.partition(',')[0]} {value}".strip() for axis, value in
             zip((figure.x, figure.y), values, strict=True)]  # fmt: skip
    short = [f"{_symbol(axis.label)} {value}".strip() for axis, value in
             zip((figure.x, figure.y), values, strict=True)]  # fmt: skip
    for first, rest in ((name, whole), (name, short), (reading.point or reading.name, short)):
        text = " · ".join([first, *rest])
        if len(text) <= width:
            return text
    return " · ".join([*short, reading.point or reading.name])


def _symbol(label: str) -> str:
    """The letter that the field has for a quantity, or the first word: "training compute C, FLOPs" → "C"."""
    words = label.partition(",")[0].split()
    letters = [word for word in words if len(word.rstrip("*")) == 1 and word.isupper()]
    return letters[0] if letters else next(iter(words), "")


def ends(series: Series, figure: Figure, area: Layout) -> list[Reading]:
    """The point of a series that is furthest right inside the area; none where nothing of it is."""
    across, down = area.across(figure.x, series.x), area.down(figure.y, series.y)
    seen = np.flatnonzero(inside(across, down, area))
    if not len(seen):
        return []
    last = int(seen[np.argmax(across[seen])])
    return [_point(series, last, float(across[last]), float(down[last]))]
