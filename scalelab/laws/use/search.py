"""One-dimensional searches that every question about a law comes down to: a lowest point, and where a curve crosses.

Knows functions of arrays; no law and no compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scalelab.laws.runs import Array

POINTS = 257
"""Of one pass over the range; each pass narrows it 64-fold around the best point."""
PASSES = 2
"""Then the points lie 1e-3 apart in ln N, and the parabola through three of them is right to 1e-7; a third pass would
lie in the rounding."""
HALVINGS = 26
Curve = Callable[[Array], Array]


def lowest(curve: Curve, low: float, high: float) -> tuple[float, str]:
    """Where `curve` is lowest between two ends, and which end that is: "" where it is inside, "low" or "high"."""
    first, last = low, high
    for narrowing in range(PASSES):
        x = np.linspace(first, last, POINTS)
        y = curve(x)
        best = int(y.argmin())
        if narrowing == 0 and best in (0, POINTS - 1):
            return float(x[best]), "low" if best == 0 else "high"
        first, last = float(x[max(best - 2, 0)]), float(x[min(best + 2, POINTS - 1)])
    return _vertex(x, np.log(y), best), ""


def middle_lowest(curves: Sequence[Curve], low: float, high: float) -> tuple[float, str]:
    """The median of where several curves are lowest between two ends, of those lowest inside; an end where most are."""
    found = [lowest(curve, low, high) for curve in curves]
    inside = [at for at, edge in found if not edge]
    if 2 * len(inside) >= len(found):
        return float(np.median(inside)), ""
    return next((at, edge) for at, edge in found if edge)


def _vertex(x: Array, y: Array, best: int) -> float:
    """The lowest point of the parabola through the best sample and its neighbours."""
    if not 0 < best < len(x) - 1:
        return float(x[best])
    left, middle, right = y[best - 1], y[best], y[best + 1]
    bend = left - 2 * middle + right
    if bend <= 0:
        return float(x[best])
    return float(x[best] + 0.5 * (left - right) / bend * (x[1] - x[0]))


def first_below(curve: Callable[[float], float], bar: float, low: float, high: float, points: int = 25) -> float | None:
    """The first x from `low` on where a falling curve is at or below `bar`; None where it never is up to `high`.

    `low` itself where the curve starts below.
    """
    x = np.linspace(low, high, points)
    before = low
    for at in x:
        if curve(float(at)) <= bar:
            return _bisect(curve, bar, before, float(at))
        before = float(at)
    return None


def _bisect(curve: Callable[[float], float], bar: float, above: float, below: float) -> float:
    if above == below:
        return below
    for _ in range(HALVINGS):
        middle = 0.5 * (above + below)
        if curve(middle) <= bar:
            below = middle
        else:
            above = middle
    return below


def span_below(curve: Curve, bar: float, at: float, low: float, high: float) -> tuple[float, float]:
    """The stretch around `at`, within two ends, in which `curve` stays at or below `bar`."""
    return _reach(curve, bar, at, low), _reach(curve, bar, at, high)


def _reach(curve: Curve, bar: float, at: float, end: float) -> float:
    inner, outer = at, end
    for _ in range(3):
        x = np.linspace(inner, outer, POINTS)
        over = np.flatnonzero(curve(x) > bar)
        if not len(over):
            return outer
        if over[0] == 0:
            return inner
        inner, outer = float(x[over[0] - 1]), float(x[over[0]])
    return inner
