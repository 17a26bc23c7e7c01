"""How the best N and D grow with compute, N* ∝ C^a and D* ∝ C^b, and what they are at one C, with intervals.

For L = E + A/N^α + B/D^β and C = 6·N·D this is a = β/(α + β) whatever C is; for other laws and FLOPs a token the local
slope of the frontier. Gradients by θ are differences of exactly solved optima, intervals Student's t as for the
parameters. Evaluates only: no runs, no scipy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.fits import LARGEST, Estimate, Fit
from scalelab.laws.flops import FlopsPerToken, flops_per_token
from scalelab.laws.intervals.split import LogFlops, best_log_n, smooth_flops
from scalelab.laws.runs import Array
from scalelab.laws.use.optimum import best_split

Source = FlopsPerToken | Sequence[tuple[float, float]] | None
APART = 0.25
"""ln C to both sides, over which the slope of the frontier is taken."""
NUDGE = 1e-5
"""Relative change of a parameter over which an optimum is differentiated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponents:
    """The slopes of ln N* and ln D* by ln C at one compute."""

    law: str
    flops: float
    """C where the slope is taken; of no consequence for a law of separate terms with 6·N FLOPs a token."""
    level: float
    a: Estimate
    """Of N* ∝ C^a."""
    b: Estimate
    """Of D* ∝ C^b."""
    method: str = "t"
    """How the intervals were made: "t" or "bootstrap"."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        return cls(**{**values, "a": Estimate(**values["a"]), "b": Estimate(**values["b"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimumInterval:
    """The best N and D at one compute and the loss there, with intervals even on the log scale."""

    law: str
    flops: float
    """C, training FLOPs."""
    level: float
    n_params: Estimate
    n_tokens: Estimate
    loss: Estimate
    """Nats a token, where N and D are the best under the law."""
    method: str = "t"

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        parts = {name: Estimate(**values[name]) for name in ("n_params", "n_tokens", "loss")}
        return cls(**{**values, **parts})


def exponents(fit: Fit, flops: float | None = None, flops_per_token: Source = None) -> Exponents:
    """The exponents a and b of N* ∝ C^a, D* ∝ C^b under a law, at one compute.

    Parameters
    ----------
    fit : Fit
        A law with a best N inside the search; a pure power law has none.
    flops : float, optional
        C where the slope is taken; by default the largest compute of the runs.
    flops_per_token : function of N, or table of (N, FLOPs a token), optional
        By default the table that the runs gave, else 6·N.

    Raises
    ------
    BadInput
        C not a positive number, or a law without a best N there.
    """
    at = fit.c_range[1] if flops is None else flops
    slopes, gradient = _with_gradient(fit, lambda theta: growth(fit, theta, at, flops_per_token))
    a, b = (
        _even(name, float(slopes[i]), float(fit.along(gradient[:, i][None])[0]), fit.t_quantile)
        for i, name in enumerate("ab")
    )
    return Exponents(law=fit.law, flops=at, level=fit.level, a=a, b=b)


def optimum_interval(fit: Fit, flops: float, flops_per_token: Source = None) -> OptimumInterval:
    """The best N and D at C training FLOPs and the loss there, each with the interval that the parameters give it.

    Raises
    ------
    BadInput
        C not a positive number, or a law without a best N there.
    """
    logs, gradient = _with_gradient(fit, lambda theta: optima(fit, theta, flops, flops_per_token))
    n, d, loss = (
        log_even(name, float(logs[i]), fit.t_quantile * float(fit.along(gradient[:, i][None])[0]), fit.t_quantile)
        for i, name in enumerate(("n_params", "n_tokens", "loss"))
    )
    return OptimumInterval(law=fit.law, flops=flops, level=fit.level, n_params=n, n_tokens=d, loss=loss)


def growth(fit: Fit, theta: Array, flops: float, source: Source = None) -> Array:
    """(a, b) at C for each θ: (S, p) → (S, 2)."""
    log_n, per_token = _middle(fit, flops, source)

    def best(log_flops: float) -> Array:
        x = best_log_n(fit.form, theta, log_flops, per_token, log_n)
        return np.column_stack([x, log_flops - per_token(x)])

    middle = float(np.log(flops))
    slopes: Array = (best(middle + APART) - best(middle - APART)) / (2.0 * APART)
    return slopes


def optima(fit: Fit, theta: Array, flops: float, source: Source = None) -> Array:
    """Ln N*, ln D*, ln L* at C for each θ: (S, p) → (S, 3)."""
    log_n, per_token = _middle(fit, flops, source)
    x = best_log_n(fit.form, theta, float(np.log(flops)), per_token, log_n)
    log_d = np.log(flops) - per_token(x)
    rows = [
        fit.form.log_loss(one, fit.inputs(np.exp(n), np.exp(d)))[0] if np.isfinite(n) else np.nan
        for one, n, d in zip(theta, x, log_d, strict=True)
    ]
    return np.column_stack([x, log_d, rows])


def _middle(fit: Fit, flops: float, source: Source) -> tuple[float, LogFlops]:
    """Ln of the fit's own best N and FLOPs a token around it."""
    source = source if source is not None else fit.flops_table
    n, _, interior = best_split(fit, flops, source)
    if not interior:
        raise BadInput(
            f"{fit.law} has no best N at {flops:.3g} FLOPs: its loss falls without end towards one side",
            todo="ask a law with separate terms for N and D, such as chinchilla",
        )
    return float(np.log(n)), smooth_flops(flops_per_token(source), float(np.log(n)))


def _with_gradient(fit: Fit, of: Callable[[Array], Array]) -> tuple[Array, Array]:
    """Numbers of θ (k,) and their gradients (p, k) by central differences."""
    theta = np.array(fit.theta)
    nudge = np.diag(NUDGE * (1.0 + np.abs(theta)))
    found = of(np.concatenate([theta[None], theta + nudge, theta - nudge]))
    p = len(theta)
    gradient = (found[1 : p + 1] - found[p + 1 :]) / (2.0 * np.diag(nudge)[:, None])
    if not (np.isfinite(found[0]).all() and np.isfinite(gradient).all()):
        raise BadInput(f"{fit.law} has no best N that its parameters tell", todo="ask at a compute nearer to the runs")
    return found[0], gradient


def _even(name: str, value: float, se: float, quantile: float) -> Estimate:
    half = min(quantile * se, 1e300)
    return Estimate(name=name, value=value, low=value - half, high=value + half, se=min(se, 1e300))


def log_even(name: str, log_value: float, half: float, quantile: float) -> Estimate:
    """A number from its log, with an interval of log half-width `half`."""
    low, value, high = (
        float(np.exp(np.clip(part, -LARGEST, LARGEST))) for part in (log_value - half, log_value, log_value + half)
    )
    return Estimate(name=name, value=value, low=low, high=high, se=min(value * half / quantile, 1e300))
