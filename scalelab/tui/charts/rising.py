"""Lines that go from left to right, without a look at every point: where columns of dots begin in them is searched.

Of 500 curves of 2,000 points few points stand at the ends of columns, and only those and the extremes between them
are placed. What it finds is what `raster.lines` finds of all points, to the dot.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from scalelab.figures import Axis
from scalelab.tui.charts.raster import Array, Ints, Stretches, columns
from scalelab.tui.charts.remembered import Remembered

Place = Callable[[Array], Array]
"""Dots of values; it never falls, or never rises."""


@Remembered
def rises(x: Array) -> bool:
    """Whether a line through these never turns back and has no gap along x."""
    return len(x) > 0 and bool(np.isfinite(x[0]) and np.isfinite(x[-1]) and (x[1:] >= x[:-1]).all())


class Cut(NamedTuple):
    """A line in columns of dots: one entry for each column that it is in, or passes without a point of its own."""

    starts: Ints
    stops: Ints
    """Its last point there; before the first one where it has none."""
    end: int
    """Behind the last point that matters."""
    x0: Array
    x1: Array


class Cuts:
    """Where columns of dots begin along an axis, and in lines along it, each of which is searched once.

    Parameters
    ----------
    place
        What makes dots of values on the axis.
    width
        Columns of dots.
    """

    def __init__(self, axis: Axis, place: Place, width: int) -> None:
        self.place = place
        self._begins = edges(axis, place, width)
        self._sorted = self._begins.tolist()
        self.of = Remembered(self._cut)

    def _cut(self, x: Array) -> Cut:
        bounds = self._bounds(x)
        starts, stops = bounds[:-1], bounds[1:] - 1
        return Cut(starts, stops, int(bounds[-1]), x.take(starts), x.take(stops))

    def _bounds(self, x: Array) -> Ints:
        """Where stretches start in what is seen of a line, with a point beside it, and where the last one stops."""
        width = len(self._sorted) - 1
        # The columns of its ends: -1 before all of them, `width` behind.
        first, last = (bisect.bisect_right(self._sorted, x.item(place)) - 1 for place in (0, -1))
        if last < 0 or first >= width:
            return np.zeros(1, dtype=np.int64)
        cuts = x.searchsorted(self._begins[first + 1 : min(last, width) + 1])
        found = np.empty(len(cuts) + 2, dtype=np.int64)
        found[1:-1] = cuts
        found[0] = max(int(cuts[0]) - 1, 0) if first < 0 else 0
        found[-1] = int(cuts[-1]) + 1 if last >= width else len(x)
        return found


def edges(axis: Axis, place: Place, width: int) -> Array:
    """The least value in each of `width` columns of dots, and in the one behind them; exact to the last bit."""
    shares = (np.arange(width + 1) - 0.5) / max(width - 1, 1)
    if axis.log:
        guess = axis.low * (axis.high / axis.low) ** shares
        air = 1e-11 * guess
    else:
        guess = axis.low + (axis.high - axis.low) * shares
        air = np.full(width + 1, 1e-11 * (axis.high - axis.low))
    air = np.maximum(air, 8 * np.spacing(np.abs(guess)))
    below: Array = guess - air
    found: Array = guess + air
    while True:
        middle = below + (found - below) / 2
        open_ = (middle > below) & (middle < found)
        if not open_.any():
            return found
        reached = columns(place(middle)) >= np.arange(width + 1)
        found, below = np.where(open_ & reached, middle, found), np.where(open_ & ~reached, middle, below)


def stretches(x: Sequence[Array], y: Sequence[Array], cuts: Cuts, down: Place) -> tuple[Stretches, Ints]:
    """Lines as stretches, owned by their places, and which of them have gaps: those are not found by searching.

    Parameters
    ----------
    x, y
        Values of each line, those of x rising.
    down
        What makes dots of values of y.
    """
    owner, *values = _searched(x, y, cuts)
    x0, x1 = (cuts.place(each) for each in values[:2])
    y0, y1, least, most = (down(each) for each in values[2:])
    with np.errstate(over="ignore", invalid="ignore"):
        known = np.isfinite(x0 + x1 + least + most)
    gaps = np.unique(owner[~known])
    if len(gaps):
        kept = ~np.isin(owner, gaps)
        owner = owner[kept]
        x0, x1, y0, y1, least, most = (each[kept] for each in (x0, x1, y0, y1, least, most))
    return Stretches(
        column=columns(x0), owner=owner, linked=owner[1:] == owner[:-1], top=np.minimum(least, most),
        bottom=np.maximum(least, most), x=(x0, x1), y=(y0, y1),
    ), gaps  # fmt: skip


def _searched(
    x: Sequence[Array], y: Sequence[Array], cuts: Cuts
) -> tuple[Ints, Array, Array, Array, Array, Array, Array]:
    """(Owner, x of the first and the last point, y of both, least and greatest y) of every stretch, as values."""
    parts, counts = [], []
    for own, values in zip(x, y, strict=True):
        cut = cuts.of(own)
        seen, starts = values[: cut.end], cut.starts
        least, most = (each.reduceat(seen, starts) if len(starts) else seen for each in (np.minimum, np.maximum))
        parts.append((starts, cut.stops, cut.x0, cut.x1, values.take(starts), values.take(cut.stops), least, most))
        counts.append(len(starts))
    starts, stops, x0, x1, y0, y1, least, most = (np.concatenate(each) for each in zip(*parts, strict=True))
    # A column without a point of its own begins where the next does.
    full, owner = stops >= starts, np.repeat(np.arange(len(x)), counts)
    return owner[full], x0[full], x1[full], y0[full], y1[full], least[full], most[full]
