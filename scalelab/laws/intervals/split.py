"""The best N at a compute for many parameter vectors at once, exact enough to be differentiated.

Along C = D · k(N) the log loss is a curve F(x) of x = ln N; its lowest point solves F′(x) = 0, by Newton's method with
differences of fourth order. Knows forms and FLOPs a token; no runs, no fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from scalelab.laws.flops import FlopsPerToken, flops_per_token
from scalelab.laws.forms import Form, Inputs
from scalelab.laws.runs import Array

STEP = 0.05
"""In ln N, between the five points of a difference."""
WINDOW = float(np.log(10.0))
"""To both sides of the best N, over which a table of FLOPs a token is taken as smooth: its kinks are no law's."""
FARTHEST = 1.0
"""ln N of one Newton step."""
AT_ONCE = 24
"""Parameter vectors evaluated together: each is evaluated at the points of all."""
OFFSETS = STEP * np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
FIRST = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / (12.0 * STEP)
SECOND = np.array([-1.0, 16.0, -30.0, 16.0, -1.0]) / (12.0 * STEP**2)

FLAT = 1e-10
"""Second derivative of ln L by ln N at and below which a curve has no lowest point: rounding makes that much."""

LogFlops = Callable[[Array], Array]
"""ln N → ln FLOPs a token."""


def smooth_flops(per_token: FlopsPerToken, log_n: float) -> LogFlops:
    """Ln FLOPs a token as a parabola of ln N around one N: exact for 6·N, without kinks for a table."""
    x = np.linspace(-WINDOW, WINDOW, 41)
    bent = np.polynomial.polynomial.polyfit(x, np.log(per_token(np.exp(log_n + x))), 2)

    def smooth(at: Array) -> Array:
        value: Array = bent[0] + (at - log_n) * (bent[1] + (at - log_n) * bent[2])
        return value

    return smooth


def log_n_se(
    form: Form, theta: Array, covariance: Array, n_params: float, flops: float,
    source: FlopsPerToken | Sequence[tuple[float, float]] | None,
) -> float:  # fmt: skip
    """Standard error of ln of the best N at C from the parameters' (p, p) covariance; infinite where none is lowest.

    By the slope of the implicit solution of F′(x) = 0: dx/dθ = −∂F′/∂θ / F″.
    """
    middle = float(np.log(n_params))
    x = middle + OFFSETS
    inputs = Inputs(log_n=x, log_d=np.log(flops) - smooth_flops(flops_per_token(source), middle)(x), extra={})
    bend = float(SECOND @ form.log_loss(theta, inputs))
    if not bend > FLAT:
        return float("inf")
    slope = FIRST @ form.gradient(theta, inputs) / bend
    return math.sqrt(max(float(slope @ covariance @ slope), 0.0))


def best_log_n(form: Form, theta: Array, log_flops: float, per_token: LogFlops, start: float) -> Array:
    """Ln of the best N at one C for each θ: (S, p) → (S,); NaN where the curve has no lowest point near."""
    parts = [theta[i : i + AT_ONCE] for i in range(0, len(theta), AT_ONCE)]
    return np.concatenate([_newton(form, part, log_flops, per_token, start) for part in parts])


def _newton(form: Form, theta: Array, log_flops: float, per_token: LogFlops, start: float) -> Array:
    x = np.full(len(theta), start)
    for _ in range(30):
        curve = _curves(form, theta, x, log_flops, per_token)
        slope, bend = curve @ FIRST, curve @ SECOND
        with np.errstate(all="ignore"):
            step = np.where(bend > 0, -slope / bend, -np.sign(slope) * FARTHEST)
        step = np.clip(step, -FARTHEST, FARTHEST)
        x = x + step
        if np.abs(step).max() < 1e-11:
            break
    found: Array = np.where((np.abs(step) < 1e-6) & (bend > 0), x, np.nan)
    return found


def _curves(form: Form, theta: Array, x: Array, log_flops: float, per_token: LogFlops) -> Array:
    """Ln L of each θ around its own x: (S, 5)."""
    s = len(theta)
    log_n = (x[:, None] + OFFSETS).ravel()
    inputs = Inputs(log_n=log_n, log_d=log_flops - per_token(log_n), extra={})
    values: Array = form.log_loss(theta, inputs).reshape(s, s, len(OFFSETS))[np.arange(s), np.arange(s)]
    return values
