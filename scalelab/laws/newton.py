"""Damped Newton for robust fits: many starts at once, exact Hessians, bounds, no tuning by the caller.

Minimises Σ_i w_i huber(target_i − f_i(θ)). Directions come from the exact Hessian seen in the metric of the
Gauss–Newton matrix, with its eigenvalues made positive, so that they are descent directions that do not depend on how
the parameters are scaled or centred; the reweighted least-squares step is tried beside them and the best of a few
lengths is taken. Knows nodes, not laws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scalelab.laws.forms.nodes import Node, weighted_gram
from scalelab.laws.objective import huber
from scalelab.laws.runs import Array

LENGTHS = (1.0, 0.5, 0.2, 0.05, 0.005)
"""Shares of a direction that are tried, all in one evaluation."""
SOFTEST = 0.03
"""Least curvature, relative to the Gauss–Newton one: bounds how far a flat direction may jump."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimum:
    """Where S starts ended."""

    theta: Array
    """(S, p)."""
    objective: Array
    """(S,)."""
    converged: Array
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
        return (self.weight * huber(residuals, self.delta)).sum(axis=-1)


def minimise(problem: Problem, theta: Array, *, tolerance: float = 1e-11, most: int = 60) -> Minimum:
    """From each start (S, p) to a local minimum; `tolerance` is the relative decrease that no longer counts."""
    theta = np.clip(theta, problem.lower, problem.upper)
    best = problem.objective(theta)
    still = np.zeros(len(theta), dtype=int)
    for iteration in range(most):  # noqa: B007
        moved, value = _step(problem, theta)
        gain = best - value
        better = gain > 0
        theta = np.where(better[:, None], moved, theta)
        best = np.where(better, value, best)
        still = np.where(gain <= tolerance * best + 1e-300, still + 1, 0)
        if (still > 0).all():
            break
    return Minimum(theta=theta, objective=best, converged=still > 0, iterations=iteration + 1)


def _step(problem: Problem, theta: Array) -> tuple[Array, Array]:
    """The best of several trial points for each start, and its objective."""
    directions = _directions(problem, theta)
    lengths = np.array(LENGTHS)[:, None]
    trials = theta[:, None, :] + np.concatenate([direction[:, None, :] * lengths for direction in directions], axis=1)
    trials = np.clip(trials, problem.lower, problem.upper)
    s, t, p = trials.shape
    residuals = (problem.target - problem.build(trials.reshape(s * t, p)).value).reshape(s, t, -1)
    weight = problem.weight if problem.weight.ndim == 1 else problem.weight[:, None, :]
    values = (weight * huber(residuals, problem.delta)).sum(axis=-1)
    values = np.where(np.isfinite(values), values, np.inf)
    chosen = values.argmin(axis=1)
    rows = np.arange(s)
    return trials[rows, chosen], values[rows, chosen]


def _directions(problem: Problem, theta: Array) -> tuple[Array, Array]:
    """The safe Newton direction and the reweighted least-squares one, zero where a bound holds: (S, p) each."""
    node = problem.build(theta)
    residuals = problem.target - node.value
    size = np.abs(residuals)
    gradient = node.gradient()
    psi = problem.weight * np.clip(residuals, -problem.delta, problem.delta)
    slope = -(psi[:, None, :] @ gradient)[:, 0, :]
    majorant = weighted_gram(gradient, problem.weight * np.minimum(1.0, problem.delta / np.maximum(size, 1e-300)))
    hessian = weighted_gram(gradient, problem.weight * (size <= problem.delta)) - node.contract(psi)
    held = ((theta <= problem.lower) & (slope > 0)) | ((theta >= problem.upper) & (slope < 0))
    return _solve(slope, majorant, hessian, held)


def _solve(slope: Array, majorant: Array, hessian: Array, held: Array) -> tuple[Array, Array]:
    """Both directions from gradient and matrices, in the scale of the majorant's diagonal."""
    p = slope.shape[-1]
    eye = np.eye(p)
    diagonal = np.einsum("spp->sp", majorant)
    unit = 1.0 / np.sqrt(np.maximum(diagonal, 1e-14 * diagonal.max(axis=1, keepdims=True) + 1e-300))
    unit = np.where(held, 0.0, unit)
    both = unit[:, :, None] * unit[:, None, :]
    fixed = eye * held[:, None, :]
    root = np.linalg.cholesky(majorant * both + fixed + 1e-10 * eye)
    inverse = np.linalg.inv(root)
    scaled = inverse @ (hessian * both + fixed) @ np.swapaxes(inverse, -1, -2)
    curvature, axes = np.linalg.eigh(0.5 * (scaled + np.swapaxes(scaled, -1, -2)))
    pull = (inverse @ (slope * unit)[..., None])[..., 0]
    along = (np.swapaxes(axes, -1, -2) @ pull[..., None])[..., 0] / np.maximum(np.abs(curvature), SOFTEST)
    back = np.swapaxes(inverse, -1, -2)
    newton = -(back @ (axes @ along[..., None]))[..., 0] * unit
    reweighted = -(back @ pull[..., None])[..., 0] * unit
    return newton, reweighted
