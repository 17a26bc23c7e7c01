"""The numbers that a law reports as functions of many parameter vectors at once, and as estimates with a half-width."""

from __future__ import annotations

import numpy as np

from scalelab.laws.fits import Estimate, Fit
from scalelab.laws.forms import Form
from scalelab.laws.intervals.exponents import log_even
from scalelab.laws.runs import Array

COMPLEX = 1e-30
"""Step of the complex derivative: exact to rounding."""


def reported(form: Form, theta: Array) -> tuple[Array, Array]:
    """Values (logs of coefficients) and gradients of the reported numbers: θ (B, p) → (B, k), (B, k, p)."""
    columns = theta.T.astype(complex)
    values = np.stack([np.broadcast_to(item.value(columns).real, len(theta)) for item in form.reported], axis=1)
    gradients = np.zeros((len(theta), len(form.reported), theta.shape[1]))
    for k, item in enumerate(form.reported):
        for index in item.needs:
            moved = columns.copy()
            moved[index] += 1j * COMPLEX
            gradients[:, k, index] = item.value(moved).imag / COMPLEX
    return values, gradients


def along(gradients: Array, covariance: Array) -> Array:
    """Standard errors of numbers with gradients (B, p) under covariances (B, p, p): (B,)."""
    variance = np.einsum("bp,bpq,bq->b", gradients, covariance, gradients)
    se: Array = np.sqrt(np.maximum(variance, 0.0))
    return se


def with_half(fit: Fit, index: int, half: float, se: float) -> Estimate:
    """A reported number of a fit with an interval of that half-width, on the log scale for coefficients."""
    item, old = fit.form.reported[index], fit.estimates[index]
    if se <= 0.0:
        return old
    if item.log:
        found = log_even(item.name, float(np.log(old.value)), half, half / se if half > 0 else 1.0)
        return Estimate(
            name=item.name, value=old.value, low=found.low, high=found.high, se=old.se, at_bound=old.at_bound
        )
    low = old.value - half
    if item.name == "E":
        low = max(low, 0.0)
    return Estimate(
        name=item.name, value=old.value, low=low, high=min(old.value + half, 1e300), se=old.se, at_bound=old.at_bound
    )
