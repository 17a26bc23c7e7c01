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

from scalelab.laws.forms.form import Form, Inputs, Kind, Linear
from scalelab.laws.runs import Array

ENOUGH = 16_000
"""Cells times runs that a grid looks at; of longer tables it takes runs evenly along compute, which finds the basin."""
NOTHING: Mapping[int, float] = MappingProxyType({})
"""Nothing is fixed."""
STARTS, MANY_STARTS = 3, 10
"""Valleys of the grid that Newton's method is given; the second where some parameters are fixed."""
DENSE = 600
"""Cells that a grid of which some axes are fixed has at least."""
FEWEST_RUNS, MOST_RUNS = 24, 96


def starts(form: Form, inputs: Inputs, loss: Array, weight: Array, fixed: Mapping[int, float] = NOTHING) -> Array:
    """The best local minima of the grid as starts, best first, (3, or more where some entries are fixed; p)."""
    assert form.linear is not None
    axes, most = _axes(form, fixed), MANY_STARTS if fixed else STARTS
    theta = _cells(form, axes, loss, fixed)
    inputs, loss, weight = _thinned(inputs, loss, weight, min(max(ENOUGH // len(theta), FEWEST_RUNS), MOST_RUNS))
    for _ in range(form.passes):
        problem = form.linear(theta, inputs, loss)
        _solve_linear(form, problem, np.sqrt(weight), theta, fixed)
    theta = np.clip(theta, *form.bounds(loss))
    misses = np.abs(np.log(loss) - form.log_loss(theta, inputs)) @ weight
    shape = tuple(len(axis) for axis in axes)
    found: Array = theta[_valleys(np.where(np.isfinite(misses), misses, np.inf), shape)[:most]]
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


def _solve_linear(form: Form, problem: Linear, root: Array, theta: Array, fixed: Mapping[int, float]) -> None:
    """Write the best free coefficients of every cell into θ; what the fixed ones explain is taken off the target."""
    free = [column for column, index in enumerate(form.coefficients) if index not in fixed]
    basis, target = problem.basis, problem.target
    for column, index in enumerate(form.coefficients):
        if index in fixed:
            size = fixed[index] if form.kinds[index] is Kind.LEVEL else np.exp(fixed[index])
            target = target - size * basis[..., column]
    if not free:
        return
    root = problem.weight * root
    basis = basis[..., free]
    coefficients = nonnegative(basis * root[..., None], target * root)
    for column, logs in zip(free, _log_coefficients(coefficients, basis).T, strict=True):
        index = form.coefficients[column]
        theta[:, index] = np.exp(logs) if form.kinds[index] is Kind.LEVEL else logs


def _thinned(inputs: Inputs, loss: Array, weight: Array, most: int) -> tuple[Inputs, Array, Array]:
    n = len(loss)
    if n <= most:
        return inputs, loss, weight
    order = np.argsort(inputs.log_n + inputs.log_d, kind="stable")
    index = order[np.linspace(0, n - 1, most).round().astype(int)]
    extra = {name: column[index] for name, column in inputs.extra.items()}
    return Inputs(log_n=inputs.log_n[index], log_d=inputs.log_d[index], extra=extra), loss[index], weight[index]


def nonnegative(basis: Array, target: Array) -> Array:
    """Least squares with coefficients ≥ 0, closed form over all supports: (c, n, k), (c or 1, n) → (c, k)."""
    size = np.sqrt((basis * basis).sum(axis=1)) + 1e-300
    basis = basis / size[:, None, :]
    gram = np.swapaxes(basis, 1, 2) @ basis
    right = (np.swapaxes(basis, 1, 2) @ target[..., None])[..., 0]
    k = right.shape[1]
    best = np.linalg.solve(gram + 1e-12 * np.eye(k), right[..., None])[..., 0]
    rest = np.flatnonzero((best < 0).any(axis=1))
    best[rest] = _on_supports(gram[rest], right[rest])
    coefficients: Array = best / size
    return coefficients


def _on_supports(gram: Array, right: Array) -> Array:
    """The same where at least one coefficient must be zero: the best of all proper supports."""
    cells, k = right.shape
    best, gained = np.zeros((cells, k)), np.zeros(cells)
    supports = (support for count in range(k - 1, 0, -1) for support in itertools.combinations(range(k), count))
    for support in supports:
        index = np.array(support)
        part = gram[:, index[:, None], index] + 1e-12 * np.eye(len(index))
        found = np.linalg.solve(part, right[:, index, None])[..., 0]
        gain = (found * right[:, index]).sum(axis=1)
        better = (found >= 0).all(axis=1) & (gain > gained)
        rows = np.flatnonzero(better)
        best[rows] = 0.0
        best[np.ix_(rows, index)] = found[rows]
        gained[rows] = gain[rows]
    return best


def _log_coefficients(coefficients: Array, basis: Array) -> Array:
    """Ln of the coefficients; an absent term starts at a ten-thousandth of what all terms make together."""
    height = basis.max(axis=1)
    whole = (coefficients * height).max(axis=1, keepdims=True)
    logs: Array = np.log(np.maximum(coefficients, 1e-4 * whole / height) + 1e-300)
    return logs


def _valleys(misses: Array, shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Indices of cells that no neighbour along an axis undercuts, best first."""
    field = misses.reshape(shape)
    lowest = np.isfinite(field)
    for axis in range(field.ndim):
        step = np.diff(field, axis=axis)
        pad = [(0, 0)] * field.ndim
        pad[axis] = (0, 1)
        lowest &= np.pad(step >= 0, pad, constant_values=True)
        pad[axis] = (1, 0)
        lowest &= np.pad(step <= 0, pad, constant_values=True)
    index = np.flatnonzero(lowest)
    if len(index) == 0:
        index = np.array([int(misses.argmin())])
    return index[np.argsort(misses[index], kind="stable")]
