"""Where to start: for fixed exponents a law is a small non-negative linear problem, solved for a whole grid at once.

(Variable projection: Golub and Pereyra 1973.) Knows forms and losses, not the final objective: cells are ranked by the
sum of absolute log residuals, which one wrong run cannot mislead.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from scalelab.laws.forms.form import Form, Inputs
from scalelab.laws.runs import Array

ENOUGH = 16_000
"""Cells times runs that a grid looks at; of longer tables it takes runs evenly along compute, which finds the basin."""
FEWEST_RUNS, MOST_RUNS = 24, 96


def starts(form: Form, inputs: Inputs, loss: Array, weight: Array, most: int = 3) -> Array:
    """The best local minima of the grid as starts (≤ most, p), best first."""
    assert form.linear is not None and form.assemble is not None
    cells = _cells(form.axes)
    inputs, loss, weight = _thinned(inputs, loss, weight, min(max(ENOUGH // len(cells), FEWEST_RUNS), MOST_RUNS))
    problem = form.linear(cells, inputs, loss)
    root = problem.weight * np.sqrt(weight)
    coefficients = nonnegative(problem.basis * root[..., None], problem.target * root)
    theta = form.assemble(cells, _log_coefficients(coefficients, problem.basis), loss)
    theta = np.clip(theta, *form.bounds(loss))
    misses = np.abs(np.log(loss) - form.log_loss(theta, inputs)) @ weight
    found: Array = theta[_valleys(np.where(np.isfinite(misses), misses, np.inf), form.axes)[:most]]
    return found


def _thinned(inputs: Inputs, loss: Array, weight: Array, most: int) -> tuple[Inputs, Array, Array]:
    n = len(loss)
    if n <= most:
        return inputs, loss, weight
    order = np.argsort(inputs.log_n + inputs.log_d, kind="stable")
    index = order[np.linspace(0, n - 1, most).round().astype(int)]
    extra = {name: column[index] for name, column in inputs.extra.items()}
    return Inputs(log_n=inputs.log_n[index], log_d=inputs.log_d[index], extra=extra), loss[index], weight[index]


def _cells(axes: tuple[Array, ...]) -> Array:
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


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


def _valleys(misses: Array, axes: tuple[Array, ...]) -> npt.NDArray[np.intp]:
    """Indices of cells that no neighbour along an axis undercuts, best first."""
    shape = tuple(len(axis) for axis in axes)
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
