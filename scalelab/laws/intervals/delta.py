"""Covariance of a robust fit and Student-t delta intervals: what the parameters are worth.

For an M-estimator with loss ρ, cov = K² · [Σ w ψ²/(n − p)] / mean(ψ')² · (Jᵀ W J)⁻¹ with Huber's correction
K = 1 + (p/n) · var(ψ')/mean(ψ')² (Huber 1981, Robust Statistics, section 7.6). For least squares this is the usual
formula. Where δ is far below the scatter (`hoffmann`) almost no residual is inside but the p that every fit makes zero,
so that shares cannot be counted: there ψ' and ψ² are those of normal errors with the residuals' MAD scale. A scale
from robust residuals is worth fewer degrees of freedom than n − p, which the quantile must know. Knows residuals and
Jacobians, no data.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from scalelab.laws.fits import LARGEST, Estimate
from scalelab.laws.fitting.objective import robust_scale
from scalelab.laws.forms import Form
from scalelab.laws.runs import Array, Mask

MOST_VARIANCE = 1e120
"""Of a parameter that the runs say nothing about: finite, as JSON must be."""
ROBUST_DOF, MAD_DOF = 0.65, 0.5
"""Share of the spare runs that the scale of a robust fit is worth, with δ above the scatter and below it."""
MANY = 40
"""Spare runs."""
MOST_PULL = 0.9
HALF = 0.6745
FEW = 0.75
"""Added to that: with few spare runs nearly nothing lies beyond δ."""


@functools.lru_cache(maxsize=256)
def t_quantile(dof: float, level: float = 0.95) -> float:
    """Two-sided Student quantile; 12.7 for one degree of freedom at 95 %."""
    from scipy.special import stdtrit  # here, since evaluating a law must not load scipy

    return float(stdtrit(dof, 0.5 + level / 2.0))


def effective_dof(residuals: Array, delta: float, n_free: int) -> float:
    """Degrees of freedom of the variance that `covariance` tells.

    n − p for least squares. For Huber's loss with δ from the MAD, 0.65 (n − p) + 0.75: the quantiles that gave 95 % in
    linear models of 3 to 8 parameters and 3 to 43 spare runs with normal errors were those of 0.67–0.95 (n − p), most
    for the fewest, where nothing lies beyond δ. For a δ below the scatter the MAD alone is the scale.
    """
    spare = max(len(residuals) - n_free, 1)
    if np.isinf(delta):
        return float(spare)
    share = ROBUST_DOF if delta >= robust_scale(residuals, n_free) else MAD_DOF
    return max(share * spare + FEW, 1.0)


def covariance(
    jacobian: Array, residuals: Array, weight: Array, delta: float, free: Mask, n_free: int | None = None
) -> Array:
    """Of θ, (p, p), with zeros for parameters that a bound holds; near-singular directions get huge variances.

    `n_free` counts the parameters that were fitted, those at a bound included; by default all columns. From `MANY`
    spare runs on, the runs themselves say where they scatter more (`sandwich`).
    """
    p = jacobian.shape[1]
    n_free = p if n_free is None else n_free
    full = np.zeros((p, p))
    if len(residuals) - n_free >= MANY:
        full[np.ix_(free, free)] = sandwich(jacobian[:, free], residuals, weight, delta, n_free)
    else:
        inverse = inverse_gram(jacobian[:, free], weight)
        full[np.ix_(free, free)] = variance_factor(residuals, weight, delta, n_free) * inverse
    if not np.isfinite(full).all():
        full = np.where(np.isfinite(full), full, MOST_VARIANCE * np.eye(p))
    return np.clip(full, -MOST_VARIANCE, MOST_VARIANCE)


def sandwich(jacobian: Array, residuals: Array, weight: Array, delta: float, n_free: int) -> Array:
    """Covariance where runs scatter unlike one another: B⁻¹ (Σ w² ψ² j jᵀ) B⁻¹ with B = Σ w ψ' j jᵀ.

    Each ψ is what it would be had the fit not seen its run (HC3 of MacKinnon and White 1985). Where δ is below the
    scatter, ψ' is the density at zero by a window that holds half the residuals (Powell 1991).
    """
    width = max(delta, HALF * robust_scale(residuals, n_free))
    slope = weight * (np.abs(residuals) <= width) * (delta / width if np.isfinite(delta) else 1.0)
    bread = inverse_gram(jacobian, slope)
    pull = np.einsum("np,pq,nq->n", jacobian, bread, jacobian) * slope
    scores = jacobian * (weight * np.clip(residuals, -delta, delta) / (1.0 - np.clip(pull, 0.0, MOST_PULL)))[:, None]
    covered: Array = bread @ (scores.T @ scores) @ bread
    return covered


def variance_factor(residuals: Array, weight: Array, delta: float, n_free: int) -> float:
    """What (Jᵀ W J)⁻¹ is multiplied by."""
    return scale_of(residuals, weight, delta, n_free)[1]


def scale_of(residuals: Array, weight: Array, delta: float, n_free: int) -> tuple[float, float]:
    """Mean of ψ', and what (Jᵀ W J)⁻¹ is multiplied by."""
    n = len(residuals)
    scale = 0.0 if np.isinf(delta) else robust_scale(residuals, n_free)
    if delta < scale:
        share, spread = normal_moments(delta, scale)
        return share, spread / share**2
    share = max(float(np.average(np.abs(residuals) <= delta, weights=weight)), 1.0 / n)
    spread = float((weight * np.clip(residuals, -delta, delta) ** 2).sum()) / max(n - n_free, 1)
    return share, (1.0 + n_free / n * (1.0 - share) / share) ** 2 * spread / share**2


def normal_moments(delta: float, scale: float) -> tuple[float, float]:
    """Means of ψ' and ψ² of Huber's loss for normal errors of that scale."""
    c = delta / scale
    share = math.erf(c / math.sqrt(2.0))
    inner = share - 2.0 * c * math.exp(-0.5 * c * c) / math.sqrt(2.0 * math.pi)
    return share, scale**2 * inner + delta**2 * (1.0 - share)


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


def inverse_grams(jacobian: Array, weight: Array, free: Mask) -> Array:
    """(Jᵀ W J)⁻¹ for many weights at once: (B, n, p), (B, n) → (B, p, p), zeros for what is not free."""
    gram = np.swapaxes(jacobian, 1, 2) @ (jacobian * weight[..., None])
    diagonal = np.einsum("bii->bi", gram)
    unit = free / np.sqrt(np.maximum(diagonal, 1e-300))
    p = gram.shape[1]
    scaled = gram * unit[:, :, None] * unit[:, None, :] + (1e-13 + ~free) * np.eye(p)
    inverse: Array = np.linalg.inv(scaled) * unit[:, :, None] * unit[:, None, :]
    return inverse


def estimates(form: Form, theta: Array, cov: Array, quantile: float, held: Mask) -> tuple[Estimate, ...]:
    """The reported numbers with delta intervals: even on the log scale for coefficients, E never below zero."""
    found = []
    for item in form.reported:
        value, variance = float(item.value(theta)), float(cov[item.needs[0], item.needs[0]])
        if len(item.needs) > 1:  # not an entry of θ itself
            gradient = complex_gradient(item.value, theta)
            variance = float(gradient @ cov @ gradient)
        se = math.sqrt(max(variance, 0.0))
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
