"""Where a sampled curve is lowest: local polynomials and Akima's interpolation, many noisy copies of a curve at once.

A parabola through the lowest points averages noise best and is biased where the curve leans to one side; Akima's
interpolation (J. ACM 17:589, 1970) follows any shape and takes every point at its word. It knows curves of x and y,
not what they are of; no scipy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scalelab.laws.runs import Array

FINE = 64
"""Samples of an interpolated curve between two neighbouring points."""
NORMAL = 1.4826
"""Standard deviation of a normal number over the median of its size."""
Minimum = tuple[Array, Array]
"""x and y of the lowest point of each curve, NaN where there is none inside."""
Locate = Callable[[Array, Array], Minimum]


def polynomial(points: int, degree: int) -> Locate:
    """The minimum of a polynomial of degree 2 or 3 through the `points` around each curve's lowest sample."""

    def locate(x: Array, y: Array) -> Minimum:
        k = min(points, len(x))
        lowest = y.argmin(axis=1)
        first = np.clip(lowest - k // 2, 0, len(x) - k)
        window = first[:, None] + np.arange(k)
        centre, reach = x[lowest], np.ptp(x) / 2
        near = (x[window] - centre[:, None]) / reach
        heights = np.take_along_axis(y, window, axis=1)
        basis = near[..., None] ** np.arange(min(degree, k - 1) + 1)
        normal = np.einsum("bki,bkj->bij", basis, basis)
        right = np.einsum("bki,bk->bi", basis, heights)
        found = np.linalg.solve(normal, right[..., None])[..., 0]
        rise, bend = found[:, 1], found[:, 2]
        twist = found[:, 3] if found.shape[1] > 3 else np.zeros(len(y))
        at = lowest_point(rise, bend, twist)
        outside = (at <= near[:, 0]) | (at >= near[:, -1]) | at_an_edge(lowest, len(x))
        at = np.where(outside, np.nan, at)
        return centre + reach * at, found[:, 0] + at * (rise + at * (bend + at * twist))

    return locate


def lowest_point(rise: Array, bend: Array, twist: Array) -> Array:
    """Where rise·x + bend·x² + twist·x³ has its minimum; NaN where it does not open upward."""
    inside = bend**2 - 3.0 * rise * twist
    with np.errstate(all="ignore"):
        down = bend + np.sqrt(np.where(inside > 0, inside, np.nan))
        found: Array = np.where(down > 0, -rise / np.where(down > 0, down, 1.0), np.nan)
    return found


def at_an_edge(lowest: np.ndarray, n: int) -> np.ndarray:
    """Whether the lowest sample has no neighbour on one side: the minimum is then not known to be inside."""
    edge: np.ndarray = (lowest == 0) | (lowest == n - 1)
    return edge


def akima(x: Array, y: Array) -> Minimum:
    """The minimum of Akima's interpolation of each row of y (B, n) over x (n,)."""
    step = np.diff(x)
    slopes = np.diff(y, axis=1) / step
    tangents = _tangents(slopes)
    at = np.arange(FINE) / FINE
    h00, h10 = (1 + 2 * at) * (1 - at) ** 2, at * (1 - at) ** 2
    h01, h11 = at**2 * (3 - 2 * at), at**2 * (at - 1)
    left, right = y[:, :-1, None], y[:, 1:, None]
    ends = step[None, :, None] * tangents[:, :-1, None], step[None, :, None] * tangents[:, 1:, None]
    curve = (h00 * left + h10 * ends[0] + h01 * right + h11 * ends[1]).reshape(len(y), -1)
    where = (x[:-1, None] + step[:, None] * at).ravel()
    best = curve.argmin(axis=1)
    inside = ~at_an_edge(y.argmin(axis=1), len(x)) & (best > 0)
    height = np.take_along_axis(curve, best[:, None], axis=1)[:, 0]
    return np.where(inside, where[best], np.nan), np.where(inside, height, np.nan)


def _tangents(slopes: Array) -> Array:
    """Akima's slope at each point: the neighbours' slopes, each weighed by how little the far side bends."""
    m = slopes
    if m.shape[1] == 1:
        return np.repeat(m, 2, axis=1)
    before = np.stack([3 * m[:, 0] - 2 * m[:, 1], 2 * m[:, 0] - m[:, 1]], axis=1)
    after = np.stack([2 * m[:, -1] - m[:, -2], 3 * m[:, -1] - 2 * m[:, -2]], axis=1)
    m = np.concatenate([before, m, after], axis=1)
    bend = np.abs(np.diff(m, axis=1))
    left, right = bend[:, 2:], bend[:, :-2]
    total = left + right
    flat = total < 1e-12
    mixed: Array = np.where(flat, 0.5, left / np.where(flat, 1.0, total))
    tangents: Array = mixed * m[:, 1:-2] + (1.0 - mixed) * m[:, 2:-1]
    return tangents


def roughness(curves: list[tuple[Array, Array]]) -> float:
    """Noise of y: scatter about cubics through five neighbouring points around each minimum, pooled over curves.

    A scaled median, so that the few windows whose shape no cubic follows do not count as noise; 0 where no curve has
    five points.
    """
    left_over = [residual for x, y in curves for residual in _residuals(x, y)]
    return NORMAL * float(np.median(np.abs(left_over))) if left_over else 0.0


def _residuals(x: Array, y: Array) -> list[float]:
    """Misfits of cubics through five points, each of the variance of one point; every window holds the minimum."""
    lowest, found = int(y.argmin()), []
    for first in range(max(lowest - 4, 0), min(lowest, len(x) - 5) + 1):
        near = x[first : first + 5]
        basis = ((near - near.mean()) / np.ptp(near))[:, None] ** np.arange(4)
        left = np.linalg.qr(basis, mode="complete")[0][:, 4]  # the one direction that a cubic leaves
        found.append(float(left @ y[first : first + 5]))
    return found
