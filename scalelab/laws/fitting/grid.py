"""Where to start: for fixed exponents a law is a small non-negative linear problem, solved for a whole grid at once.

(Variable projection: Golub and Pereyra 1973.) Knows forms and losses, not the final objective: cells are ranked by the
sum of absolute log residuals, which one wrong run cannot mislead.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from scalelab.laws.fitting.pieces import rows_of, spread_rows
from scalelab.laws.forms.form import Form, Inputs, Kind, Linear
from scalelab.laws.runs import Array

ENOUGH = 6_000
"""Cells times runs that a grid looks at; of longer tables it takes runs evenly along compute, which finds the basin."""
NOTHING: Mapping[int, float] = MappingProxyType({})
"""Nothing is fixed."""
STARTS, MANY_STARTS = 3, 16
"""Valleys of the grid that Newton's method is given; the second where some parameters are fixed, and for laws of more
than `LIVE` parameters."""
LIVE = 6
"""Parameters up to which a law is refitted after every run of a lab."""
FAR = 3
"""Cells between a lone valley and the other start that is given beside it."""
DENSE = 1_600
"""Cells that a grid of which some axes are fixed has at least."""
FEWEST_RUNS, MOST_RUNS, MANY_RUNS = 24, 96, 384
"""Runs that the grid looks at; the last where some parameters are fixed."""


def starts(
    form: Form,
    inputs: Inputs,
    loss: Array,
    weight: Array,
    fixed: Mapping[int, float] = NOTHING,
    most: int | None = None,
) -> Array:
    """The best local minima of the grid as starts, best first, (3 or more; p)."""
    assert form.linear is not None
    axes, most = _axes(form, fixed), most or (MANY_STARTS if fixed or form.n_free > LIVE else STARTS)
    theta = _cells(form, axes, loss, fixed)
    runs = MANY_RUNS if fixed else min(max(ENOUGH // len(theta), FEWEST_RUNS), MOST_RUNS)
    if len(loss) > runs:
        which = spread_rows(inputs, runs)
        inputs, loss, weight = rows_of(inputs, which), loss[which], weight[which]
    root = np.sqrt(weight)
    for _ in range(form.passes):
        misses = _solve_linear(form, form.linear(theta, inputs, loss), root, theta, fixed)
    shape = tuple(len(axis) for axis in axes)
    misses = np.where(np.isfinite(misses), misses, np.inf)
    found: Array = theta[_with_another(_valleys(misses, shape)[:most], misses, shape)]
    found = np.clip(found, *form.bounds(loss))
    found[:, list(fixed)] = list(fixed.values())
    return found


def _axes(form: Form, fixed: Mapping[int, float]) -> list[Array]:
    """The values on each axis: one where it is fixed, and then the more on the others."""
    if not fixed:
        return [axis.values for axis in form.axes]
    free = [axis for axis in form.axes if axis.index not in fixed]
    finer = max((DENSE / math.prod(len(axis.values) for axis in free)) ** (1 / max(len(free), 1)), 1.0)
    return [axis.values[:1] if axis.index in fixed else _resampled(axis.values, finer) for axis in form.axes]


def _resampled(values: Array, finer: float) -> Array:
    """The same range in `finer` times as many values."""
    n = len(values)
    return np.interp(np.linspace(0, n - 1, int(n * finer)), np.arange(n), values)


def _cells(form: Form, axes: list[Array], loss: Array, fixed: Mapping[int, float]) -> Array:
    """θ of every cell, (cells, p): the axes' entries, what is fixed, and nan for coefficients to be solved for."""
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    theta = np.full((len(cells), len(form.kinds)), np.nan)
    theta[:, [axis.index for axis in form.axes]] = cells if form.unfold is None else form.unfold(cells, loss)
    theta[:, list(fixed)] = list(fixed.values())
    return theta


def _solve_linear(form: Form, problem: Linear, root: Array, theta: Array, fixed: Mapping[int, float]) -> Array:
    """Write the best free coefficients of every cell into θ, and give what each cell then misses: (cells,).

    What fixed coefficients explain is taken off the target.
    """
    free = [column for column, index in enumerate(form.coefficients) if index not in fixed]
    basis, target = problem.basis, problem.target
    for column, index in enumerate(form.coefficients):
        if index in fixed:
            size = fixed[index] if form.kinds[index] is Kind.LEVEL else np.exp(fixed[index])
            target = target - size * basis[:, column]
    scale = problem.weight * root
    explained = problem.target - target
    if free:
        basis = basis if len(free) == basis.shape[1] else basis[:, free]
        coefficients = nonnegative(basis * scale[:, None], target * scale)
        explained = explained + (coefficients[:, None] @ basis)[:, 0]
        for column, logs in zip(free, _log_coefficients(coefficients, basis).T, strict=True):
            index = form.coefficients[column]
            theta[:, index] = np.exp(logs) if form.kinds[index] is Kind.LEVEL else logs
    misses: Array = np.abs(problem.log_ratio(explained)) @ (root * root)
    return misses


def nonnegative(basis: Array, target: Array) -> Array:
    """Least squares with coefficients ≥ 0, closed form over all supports: (c, k, n), (c or 1, n) → (c, k)."""
    gram = basis @ np.swapaxes(basis, 1, 2)
    right = (basis @ target[..., None])[..., 0]
    k = right.shape[1]
    every = np.arange(k)
    size = 1.0 / np.sqrt(gram[:, every, every] + 1e-300)
    gram *= size[:, :, None] * size[:, None, :]
    gram[:, every, every] += 1e-12
    right *= size
    best = _solved(gram, right)
    rest = np.flatnonzero((best < 0).any(axis=1))
    if len(rest):
        best[rest] = _on_supports(gram[rest], right[rest])
    coefficients: Array = best * size
    return coefficients


def _solved(gram: Array, right: Array) -> Array:
    """Small systems, (c, k, k) and (c, k) → (c, k): by hand up to two unknowns, where a call a matrix costs more."""
    if right.shape[1] == 1:
        one: Array = right / gram[:, 0]
        return one
    if right.shape[1] > 2:
        return np.asarray(np.linalg.solve(gram, right[..., None])[..., 0], dtype=float)
    (a, b), (_, d) = gram.transpose(1, 2, 0)
    x, y = right.T
    both: Array = np.stack([d * x - b * y, a * y - b * x], axis=1) / (a * d - b * b)[:, None]
    return both


def _on_supports(gram: Array, right: Array) -> Array:
    """The same where at least one coefficient must be zero: the best of all proper supports."""
    cells, k = right.shape
    best, gained = np.zeros((cells, k)), np.zeros(cells)
    supports = (support for count in range(k - 1, 0, -1) for support in itertools.combinations(range(k), count))
    for support in supports:
        index = np.array(support)
        wanted = right[:, index]
        found = _solved(gram[:, index[:, None], index], wanted)
        gain = np.where((found >= 0).all(axis=1), (found * wanted).sum(axis=1), 0.0)
        better = gain > gained
        full = np.zeros((cells, k))
        full[:, index] = found
        best = np.where(better[:, None], full, best)
        gained = np.where(better, gain, gained)
    return best


def _log_coefficients(coefficients: Array, basis: Array) -> Array:
    """Ln of the coefficients; an absent term starts at a ten-thousandth of what all terms make together."""
    height = basis.max(axis=2)
    whole = (coefficients * height).max(axis=1, keepdims=True)
    logs: Array = np.log(np.maximum(coefficients, 1e-4 * whole / height) + 1e-300)
    return logs


def _with_another(chosen: npt.NDArray[np.intp], misses: Array, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """A lone valley, and the best cell that is no neighbour of it: the objective may have a second basin there."""
    if len(chosen) > 1:
        return chosen
    apart = np.zeros(shape, dtype=int)
    for axis, (place, cells) in enumerate(zip(np.unravel_index(chosen[0], shape), shape, strict=True)):
        along = np.moveaxis(apart, axis, -1)
        np.maximum(along, np.abs(np.arange(cells) - place), out=along)
    others = np.where(apart.ravel() >= FAR, misses, np.inf)
    best = int(others.argmin())
    return np.append(chosen, best) if np.isfinite(others[best]) else chosen


def _valleys(misses: Array, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Indices of cells that no neighbour along an axis undercuts, best first."""
    field = misses.reshape(shape)
    lowest = np.isfinite(field)
    for axis in range(field.ndim):
        along, seen = np.moveaxis(field, axis, 0), np.moveaxis(lowest, axis, 0)
        seen[:-1] &= along[1:] >= along[:-1]
        seen[1:] &= along[1:] <= along[:-1]
    index = np.flatnonzero(lowest)
    if len(index) == 0:
        index = np.array([int(misses.argmin())])
    return index[np.argsort(misses[index], kind="stable")]
