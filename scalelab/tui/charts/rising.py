"""Lines that go from left to right, without a look at every point: where columns of dots begin in them is searched.

Of 500 curves of 2,000 points few points stand at the ends of columns, and only those and the extremes between them
are placed. What it finds is what `raster.lines` finds of all points, to the dot.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence

import numpy as np

from scalelab.figures import Axis
from scalelab.tui.charts.raster import FAR, Array, Ints, Stretches, columns

Place = Callable[[Array], Array]
"""Dots of values; it never falls, or never rises."""
_KNOWN: dict[int, tuple[weakref.ref[Array], bool]] = {}
MOST = 10_000
"""Arrays known, from which on those that are gone are forgotten."""


def rises(x: Array) -> bool:
    """Whether a line through these never turns back and has no gap along x; of an array looked for once."""
    known = _KNOWN.get(id(x))
    if known is None or known[0]() is not x:
        found = len(x) > 0 and bool(np.isfinite(x[0]) and np.isfinite(x[-1]) and (x[1:] >= x[:-1]).all())
        known = _KNOWN[id(x)] = weakref.ref(x), found
        if len(_KNOWN) > MOST:
            for key in [key for key, (array, _) in _KNOWN.items() if array() is None]:
                del _KNOWN[key]
    return known[1]


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


def stretches(
    x: Sequence[Array], y: Sequence[Array], begins: Array, across: Place, down: Place
) -> tuple[Stretches, Ints]:
    """Lines as stretches, owned by their places, and which of them have gaps: those are not found by searching.

    Parameters
    ----------
    x, y
        Values of each line, those of x rising.
    begins : array (width + 1,)
        Where columns begin, from `edges`.
    across, down
        What makes dots of values.
    """
    with np.errstate(invalid="ignore"):  # on a log axis some have no place
        ends = columns(np.nan_to_num(across(np.array([(each[0], each[-1]) for each in x])), nan=-FAR))
    owner, *values = _searched(x, y, ends.tolist(), begins)
    x0, x1 = (across(each) for each in values[:2])
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
    x: Sequence[Array], y: Sequence[Array], ends: Sequence[tuple[int, int]], begins: Array
) -> tuple[Ints, Array, Array, Array, Array, Array, Array]:
    """(Owner, x of the first and the last point, y of both, least and greatest y) of every stretch, as values."""
    parts, counts = [], []
    for own, values, (first, last) in zip(x, y, ends, strict=True):
        bounds = _bounds(own, first, last, begins)
        starts, stops, seen = bounds[:-1], bounds[1:] - 1, values[: bounds[-1]]
        least, most = (each.reduceat(seen, starts) if len(starts) else seen for each in (np.minimum, np.maximum))
        # A column without a point of its own begins where the next does.
        parts.append((stops >= starts, own[starts], own[stops], values[starts], values[stops], least, most))
        counts.append(len(starts))
    full, x0, x1, y0, y1, least, most = (np.concatenate(each) for each in zip(*parts, strict=True))
    owner = np.repeat(np.arange(len(x)), counts)
    return owner[full], x0[full], x1[full], y0[full], y1[full], least[full], most[full]


def _bounds(x: Array, first: int, last: int, begins: Array) -> Ints:
    """Where stretches start in what is seen of a line, with a point beside it, and where the last one stops.

    `first` and `last` are the columns of its ends.
    """
    width = len(begins) - 1
    if last < 0 or first >= width:
        return np.zeros(1, dtype=np.int64)
    cuts = x.searchsorted(begins[max(first + 1, 0) : min(last, width) + 1])
    begin = max(int(cuts[0]) - 1, 0) if first < 0 else 0
    end = int(cuts[-1]) + 1 if last >= width else len(x)
    return np.concatenate([[begin], cuts, [end]])
