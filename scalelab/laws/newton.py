"""Damped Newton for robust fits: many starts at once, exact Hessians, bounds, no tuning by the caller.

Minimises Σ_i w_i huber(target_i − f_i(θ)). Two directions are tried in a few lengths and the best point is taken: the
exact Hessian's, with its eigenvalues made positive in the metric of the Gauss–Newton matrix, which ends the search
quadratically; and the reweighted least-squares one bent by the second derivative along it (geodesic acceleration,
Transtrum and Sethna 2012, arXiv 1201.5885), which follows the curved flat valleys of laws with a floor: 10 steps
where the straight one needs 40. Neither depends on how parameters are scaled or centred. Knows nodes, not laws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalelab.laws.forms.nodes import Node, weighted_gram
from scalelab.laws.objective import huber
from scalelab.laws.runs import Array, Mask

BENT_LENGTHS = np.array([2.0, 1.0, 0.5, 0.25, 0.1, 0.02])[:, None]
"""Shares of the bent direction that are tried."""
NEWTON_LENGTHS = np.array([1.0, 0.3])[:, None]
PROBE = 0.1
"""Share of the direction over which its second derivative is taken."""
QUADRATIC = 1e-8
"""Relative gain of a whole Newton step after which no further step is worth its time."""
SOFTEST = 0.03
"""Least curvature, relative to the Gauss–Newton one: bounds how far a flat direction may jump."""


RIDGE = 1e-10
"""Added to the scaled matrix, whose diagonal is one: keeps it solvable where runs leave a direction free."""
AT_ONCE = 4_000_000
"""Residuals held at a time, some 100 MB with what they need: a million runs are evaluated trial by trial."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimum:
    """Where S starts ended."""

    theta: Array
    """(S, p)."""
    objective: Array
    """(S,)."""
    converged: Mask
    """(S,) of bool: no direction lowers the objective by a relevant amount."""
    iterations: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """What is minimised."""

    build: Callable[[Array], Node]
    """θ (S, p) → ln L at n runs."""
    target: Array
    """(n,): ln of the observed losses."""
    weight: Array
    """(n,) or (S, n)."""
    delta: float
    lower: Array
    upper: Array

    def objective(self, theta: Array) -> Array:
        """The objective at each θ: (S, p) → (S,)."""
        return self.of_residuals(self.target - self.build(theta).value)

    def of_residuals(self, residuals: Array) -> Array:
        """The objective of residuals (S, n)."""
        total: Array = (self.weight * huber(residuals, self.delta)).sum(axis=-1)
        return total


def minimise(problem: Problem, theta: Array, *, tolerance: float = 1e-11, most: int = 60) -> Minimum:
    """From each start (S, p) to a local minimum; `tolerance` is the relative decrease that no longer counts."""
    theta = np.clip(theta, problem.lower, problem.upper)
    best = problem.objective(theta)
    still = np.zeros(len(theta), dtype=bool)
    for iteration in range(most):  # noqa: B007
        moved, value, chosen = _step(problem, theta)
        gain = best - value
        better = gain > 0
        theta = np.where(better[:, None], moved, theta)
        best = np.where(better, value, best)
        # A whole Newton step of small gain leaves about the square of that gain.
        enough = np.where(chosen == 0, max(tolerance, QUADRATIC), tolerance)
        still = gain <= enough * best + 1e-300
        if still.all():
            break
    return Minimum(theta=theta, objective=best, converged=still, iterations=iteration + 1)


def _step(problem: Problem, theta: Array) -> tuple[Array, Array, npt.NDArray[np.intp]]:
    """The best of several trial points for each start, its objective, and which trial it was (0: Newton's whole)."""
    newton, straight, bend = _directions(problem, theta)
    bent = straight[:, None, :] * BENT_LENGTHS + 0.5 * bend[:, None, :] * BENT_LENGTHS**2
    moves = np.concatenate([newton[:, None, :] * NEWTON_LENGTHS, bent], axis=1)
    trials = np.clip(theta[:, None, :] + moves, problem.lower, problem.upper)
    if trials.shape[0] * trials.shape[1] * len(problem.target) > AT_ONCE:
        values = np.stack([problem.objective(trials[:, i]) for i in range(trials.shape[1])], axis=1)
    else:
        values = _all_at_once(problem, trials)
    values = np.where(np.isfinite(values), values, np.inf)
    chosen = values.argmin(axis=1)
    rows = np.arange(len(theta))
    return trials[rows, chosen], values[rows, chosen], chosen


def _all_at_once(problem: Problem, trials: Array) -> Array:
    """Objectives of trials (S, T, p): (S, T). One evaluation, since small problems pay by the call."""
    s, t, p = trials.shape
    residuals = (problem.target - problem.build(trials.reshape(s * t, p)).value).reshape(s, t, -1)
    weight = problem.weight if problem.weight.ndim == 1 else problem.weight[:, None, :]
    values: Array = (weight * huber(residuals, problem.delta)).sum(axis=-1)
    return values


def _directions(problem: Problem, theta: Array) -> tuple[Array, Array, Array]:
    """Newton's direction, the reweighted least-squares one and its bend, zero where a bound holds: (S, p) each."""
    node = problem.build(theta)
    residuals = problem.target - node.value
    size = np.abs(residuals)
    gradient = node.gradient()
    psi = problem.weight * np.clip(residuals, -problem.delta, problem.delta)
    pull = problem.weight * np.minimum(1.0, problem.delta / np.maximum(size, 1e-300))
    slope = -_back(psi, gradient)
    held = ((theta <= problem.lower) & (slope > 0)) | ((theta >= problem.upper) & (slope < 0))
    metric = _Metric(weighted_gram(gradient, pull), held)
    hessian = weighted_gram(gradient, problem.weight * (size <= problem.delta)) - node.contract(psi)
    straight = metric.solve(-slope)
    ahead = problem.build(theta + PROBE * straight).value
    along = (gradient @ straight[..., None])[..., 0]
    second = 2.0 / PROBE**2 * (ahead - node.value - PROBE * along)
    return metric.newton(slope, hessian), straight, metric.solve(-_back(pull * second, gradient))


def _back(column: Array, gradient: Array) -> Array:
    """Σ_i column_i gradient_i: (S, n) and (S or 1, n, p) → (S, p)."""
    product: Array = (column[:, None, :] @ gradient)[:, 0, :]
    return product


class _Metric:
    """The Gauss–Newton matrix, factored in the scale of its diagonal, with held parameters taken out."""

    __slots__ = ("_fixed", "_inverse", "_unit")

    def __init__(self, majorant: Array, held: Mask) -> None:
        eye = np.eye(majorant.shape[-1])
        diagonal = np.einsum("spp->sp", majorant)
        unit = 1.0 / np.sqrt(np.maximum(diagonal, 1e-14 * diagonal.max(axis=1, keepdims=True) + 1e-300))
        self._unit = np.where(held, 0.0, unit)
        self._fixed = eye * held[:, None, :]
        root = np.linalg.cholesky(self._scaled(majorant) + RIDGE * eye)
        self._inverse = np.linalg.inv(root)

    def _scaled(self, matrix: Array) -> Array:
        scaled: Array = matrix * (self._unit[:, :, None] * self._unit[:, None, :]) + self._fixed
        return scaled

    def _half(self, vector: Array) -> Array:
        half: Array = (self._inverse @ (vector * self._unit)[..., None])[..., 0]
        return half

    def _whole(self, vector: Array) -> Array:
        whole: Array = (np.swapaxes(self._inverse, -1, -2) @ vector[..., None])[..., 0] * self._unit
        return whole

    def solve(self, vector: Array) -> Array:
        """The matrix's inverse times a vector (S, p)."""
        return self._whole(self._half(vector))

    def newton(self, slope: Array, hessian: Array) -> Array:
        """−|H|⁻¹ slope, with the eigenvalues of H in this metric made positive and not too small."""
        inner = self._inverse @ self._scaled(hessian) @ np.swapaxes(self._inverse, -1, -2)
        curvature, axes = np.linalg.eigh(0.5 * (inner + np.swapaxes(inner, -1, -2)))
        along = (np.swapaxes(axes, -1, -2) @ self._half(slope)[..., None])[..., 0]
        along = along / np.maximum(np.abs(curvature), SOFTEST)
        return -self._whole((axes @ along[..., None])[..., 0])
