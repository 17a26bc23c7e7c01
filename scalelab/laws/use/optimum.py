"""Use of a fitted law: the best N and D for a compute budget, and one run's loss from another's.

Evaluates only; no scipy, no fitting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.fits import LARGEST, Fit, Prediction
from scalelab.laws.flops import FlopsPerToken
from scalelab.laws.flops import flops_per_token as per_token_of
from scalelab.laws.forms import Inputs
from scalelab.laws.intervals.split import log_n_se
from scalelab.laws.runs import OF_NO_SIZE, Array
from scalelab.laws.use.search import Curve, lowest, middle_lowest, span_below

NEAR = 0.01
"""A split is as good as the best while its loss is within this share of it."""
MARGIN = 3.0 * float(np.log(10.0))
"""How far beyond the runs' own N the best N is looked for, in ln N."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """The best use of a compute budget under a law."""

    law: str
    flops: float
    """C, training FLOPs."""
    n_params: float
    n_tokens: float
    loss: float
    low: float
    high: float
    interior: bool
    """False where the law falls without end towards one side of the search (a power law always does): N and D are then
    the edge of what was searched and no advice."""
    n_low: float | None = None
    """The interval of the best N, from what the parameters tell and from what laws that predict together differ by;
    None where `interior` is false."""
    n_high: float | None = None
    d_low: float | None = None
    """Of the best D: that of the largest N at the same compute."""
    d_high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


class Surface(Protocol):
    """Loss over N and D: a law, or one of those that an Assessment predicts with."""

    def loss(self, n_params: Array, n_tokens: Array, unique_tokens: npt.ArrayLike | None = None) -> Array:
        """Over arrays."""
        ...


class Law(Surface, Protocol):
    """What a law must do to be used: a Fit or an Assessment."""

    def predict(self, n_params: float, n_tokens: float, unique_tokens: float | None = None) -> Prediction:
        """At one point, with an interval."""
        ...


def base_fit(law: Law) -> Fit:
    """The fit behind a law: itself, or the best of an Assessment's. BadInput where there is none."""
    if isinstance(law, Fit):
        return law
    found = law.fit()  # type: ignore[attr-defined]
    if not isinstance(found, Fit):
        raise TypeError(f"{type(law).__name__} is neither a Fit nor an Assessment")
    return found


def told_by(law: Law) -> str:
    """Who answers: a law by its name, or the mean of an Assessment's several."""
    members = getattr(getattr(law, "panel", None), "members", ())
    return f"the mean of {len(members)} laws" if len(members) > 1 else base_fit(law).law


def surfaces(law: Law) -> Sequence[Surface]:
    """Whose best split counts: the law itself, or each of the laws that an Assessment predicts with.

    Where the mean of several laws is lowest is not where they are: one that falls steeply towards an edge pulls it
    there. On simulated labs of 9 to 48 runs the median of their own best N loses half as much (.16–.26 % of the loss
    at ten times the compute instead of .29–.85 %) and is 1.06–1.10 times the true one instead of 1.23–1.39.
    """
    return getattr(getattr(law, "panel", None), "members", ()) or (law,)


def frontier(
    fit: Fit, flops: float, flops_per_token: FlopsPerToken | Sequence[tuple[float, float]] | None = None
) -> Optimum:
    """The N and D that a law says are best at C training FLOPs, with the loss there and its parameters' interval.

    Parameters
    ----------
    fit : Fit
        Any law.
    flops : float
        C, above zero.
    flops_per_token : function of N (array → array), or table of (N, FLOPs a token), optional
        By default the table that the runs themselves gave, else 6·N.

    Raises
    ------
    BadInput
        C not a positive number.
    """
    n, d, interior = best_split(fit, flops, flops_per_token)
    source = flops_per_token if flops_per_token is not None else fit.flops_table
    half = fit.t_quantile * log_n_se(fit.form, np.array(fit.theta), np.array(fit.covariance), n, flops, source)
    return optimum_at(fit, fit, flops, (n, d, interior), half if interior else None, source)


def optimum_at(
    law: Law, fit: Fit, flops: float, split: tuple[float, float, bool], half: float | None,
    source: FlopsPerToken | Sequence[tuple[float, float]] | None,
) -> Optimum:  # fmt: skip
    """The record of a split (N, D, whether inside the search) whose ln N is known within `half`.

    The interval of N ends where the search for it ended.
    """
    n, d, interior = split
    there = law.predict(n, d)
    found = Optimum(
        law=fit.law, flops=flops, n_params=n, n_tokens=d, loss=there.loss, low=there.low, high=there.high,
        interior=interior,
    )  # fmt: skip
    if half is None:
        return found
    ends = np.exp(np.clip(np.log(n) + np.array([-half, half]), *n_searched(fit, flops)))
    d_high, d_low = flops / per_token_of(source)(ends)
    return replace(found, n_low=float(ends[0]), n_high=float(ends[1]), d_low=float(d_low), d_high=float(d_high))


def best_split(
    law: Law, flops: float, source: FlopsPerToken | Sequence[tuple[float, float]] | None = None
) -> tuple[float, float, bool]:
    """(N, D, whether inside the search) of the least loss on the curve D = C / FLOPs-a-token(N)."""
    check_flops(flops)
    fit = base_fit(law)
    per_token = per_token_of(source if source is not None else fit.flops_table)
    low, high = n_searched(fit, flops)

    def along(surface: Surface) -> Curve:
        return lambda log_n: surface.loss(np.exp(log_n), flops / per_token(np.exp(log_n)))

    at, edge = best_log_n(law, along, low, high)
    n = np.exp([at])
    return float(n[0]), float(flops / per_token(n)[0]), not edge


def best_log_n(law: Law, along: Callable[[Surface], Curve], low: float, high: float) -> tuple[float, str]:
    """Ln of the best N between two ends, and which end it is, if any; `along` gives loss against ln N.

    Of several laws the median, as far as their mean there is as good as where it is lowest.
    """
    several = surfaces(law)
    if len(several) == 1:
        return lowest(along(several[0]), low, high)
    middle, edge = middle_lowest([along(surface) for surface in several], low, high)
    whole = along(law)
    own, _ = lowest(whole, low, high)
    if edge:
        return own, edge
    least, there = whole(np.array([own, middle]))
    bar = (1 + NEAR) * float(least)
    if there <= bar:
        return middle, ""
    first, last = span_below(whole, bar, own, low, high)
    return min(max(middle, first), last), ""


def n_searched(fit: Fit, flops: float) -> tuple[float, float]:
    """The ends, in ln N, between which the best N for C FLOPs is looked for."""
    smallest, largest = np.log(fit.c_range)
    up, down = max(float(np.log(flops) - largest), 0.0), max(float(smallest - np.log(flops)), 0.0)
    return float(np.log(fit.n_range[0])) - MARGIN - down, float(np.log(fit.n_range[1])) + MARGIN + up


def check_flops(flops: float) -> None:
    """Refuse what is no amount of compute."""
    if not 1.0 / OF_NO_SIZE < flops < OF_NO_SIZE:
        raise BadInput(f"compute is {flops}", allowed=f"FLOPs above 0 and below {OF_NO_SIZE:g}, such as 1e18")


def predict_ratio(
    fit: Fit,
    *,
    loss_a: float,
    n_a: float,
    d_a: float,
    n_b: float,
    d_b: float,
    loss_a_se: float = 0.0,
) -> Prediction:
    """The loss of run B from the measured loss of run A: P_B = P_A · L(N_B, D_B) / L(N_A, D_A).

    For the power law this is P_A (N_B/N_A)^α (D_B/D_A)^β. What the law gets wrong alike for both cancels; the interval
    holds the parameters' error of the ratio and, where given, the standard error of A's loss in nats.

    Raises
    ------
    BadInput
        A number that is not above zero.
    """
    for name, value in (("loss_a", loss_a), ("n_a", n_a), ("d_a", d_a), ("n_b", n_b), ("d_b", d_b)):
        if not (np.isfinite(value) and value > 0):
            raise BadInput(f"{name} is {value}", allowed="a number above 0")
    both = Inputs.of([n_a, n_b], [d_a, d_b])
    theta = np.array(fit.theta)
    log_a, log_b = fit.form.log_loss(theta, both)
    gradient = fit.form.gradient(theta, both)
    parameters = float(fit.along(gradient[1:] - gradient[:1])[0])
    se = float(np.hypot(parameters, loss_a_se / loss_a))
    loss = loss_a * float(np.exp(log_b - log_a))
    spread = float(np.exp(min(fit.t_quantile * se, LARGEST)))
    return Prediction(
        n_params=n_b, n_tokens=d_b, loss=loss, low=loss / spread, high=loss * spread, parameters=parameters,
        held_back=loss_a_se / loss_a,
    )  # fmt: skip
