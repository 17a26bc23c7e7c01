"""Covariance of a robust fit and Student-t delta intervals: what the parameters are worth.

For an M-estimator with loss ρ, cov = K² · [Σ w ψ²/(n − p)] / mean(ψ')² · (Jᵀ W J)⁻¹ with Huber's correction
K = 1 + (p/n) · var(ψ')/mean(ψ')² (Huber 1981, Robust Statistics, section 7.6). For least squares this is the usual
formula. Knows residuals and Jacobians, no data.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from scalelab.laws.fits import LARGEST, Estimate
from scalelab.laws.forms import Form
from scalelab.laws.runs import Array, Mask

MOST_VARIANCE = 1e120
"""Of a parameter that the runs say nothing about: finite, as JSON must be."""


@functools.lru_cache(maxsize=256)
def t_quantile(dof: int, level: float = 0.95) -> float:
    """Two-sided Student quantile; 12.7 for one degree of freedom at 95 %."""
    from scipy.special import stdtrit  # here, since evaluating a law must not load scipy

    return float(stdtrit(dof, 0.5 + level / 2.0))


def covariance(jacobian: Array, residuals: Array, weight: Array, delta: float, free: Mask) -> Array:
    """Of θ, (p, p), with zeros for parameters that a bound holds; near-singular directions get huge variances."""
    n, p = jacobian.shape
    inside = np.abs(residuals) <= delta
    share = max(float(np.average(inside, weights=weight)), 1.0 / n)
    correction = 1.0 + p / n * (1.0 - share) / share
    spread = float((weight * np.clip(residuals, -delta, delta) ** 2).sum()) / max(n - p, 1)
    inverse = inverse_gram(jacobian[:, free], weight)
    full = np.zeros((p, p))
    full[np.ix_(free, free)] = (correction / share) ** 2 * spread * inverse
    if not np.isfinite(full).all():
        full = np.where(np.isfinite(full), full, MOST_VARIANCE * np.eye(p))
    return np.clip(full, -MOST_VARIANCE, MOST_VARIANCE)


def inverse_gram(jacobian: Array, weight: Array) -> Array:
    """(Jᵀ W J)⁻¹ by eigenvalues in the scale of its diagonal, none below a 1e-15th of the largest."""
    if jacobian.shape[1] == 0:
        return np.zeros((0, 0))
    gram = (jacobian * weight[:, None]).T @ jacobian
    unit = 1.0 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
    values, axes = np.linalg.eigh(gram * np.outer(unit, unit))
    scaled = axes / np.sqrt(np.maximum(values, 1e-15 * values[-1]))
    root = unit[:, None] * scaled
    inverse: Array = root @ root.T
    return inverse


def estimates(form: Form, theta: Array, cov: Array, quantile: float, held: Mask) -> tuple[Estimate, ...]:
    """The reported numbers with delta intervals: even on the log scale for coefficients, E never below zero."""
    found = []
    for item in form.reported:
        value = float(np.real(item.value(theta.astype(complex))))
        gradient = complex_gradient(item.value, theta)
        se = math.sqrt(max(float(gradient @ cov @ gradient), 0.0))
        low, high = value - quantile * se, value + quantile * se
        if item.log:
            value, low, high = (math.exp(min(max(part, -LARGEST), LARGEST)) for part in (value, low, high))
            se = min(se * value, 1e300)
        elif item.name == "E":
            low = max(low, 0.0)
        at_bound = any(held[i] for i in item.needs)
        found.append(Estimate(name=item.name, value=value, low=low, high=high, se=se, at_bound=at_bound))
    return tuple(found)


def complex_gradient(function: Any, theta: Array) -> Array:
    """Gradient of an analytic function by complex steps: exact to rounding, no step length to choose."""
    step = 1e-30
    return np.array([np.imag(function(theta + 1j * step * row)) / step for row in np.eye(len(theta))])
