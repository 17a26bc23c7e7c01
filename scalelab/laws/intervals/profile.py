"""Profile-F intervals: hold one number, refit the rest, and find where the objective has risen by the F threshold.

For least squares the threshold is s²t²/2 (Bates and Watts 1988, Nonlinear Regression Analysis, section 6.1), which for
a law that is linear in its parameters is the t interval itself; for Huber's loss it is the same multiple of the scale
that the covariance is made with. Both sides are sought at once, warm from the straight path that the covariance gives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scalelab.laws.fits import LARGEST, Estimate, Fit, Prediction
from scalelab.laws.fitting.fitter import inputs_of, sound_numbers, weights_of
from scalelab.laws.fitting.newton import Problem, minimise
from scalelab.laws.forms import Inputs
from scalelab.laws.forms.nodes import Node
from scalelab.laws.intervals.bootstrap import same_runs
from scalelab.laws.intervals.delta import scale_of
from scalelab.laws.runs import Array, Mask, RunTable

CLOSE = 1e-3
"""Relative distance from the threshold, in t, at which a side is found: a thousandth of a half-width."""
MOST_STEPS = 15
GROWTH = 2.0
"""A side that is not yet bracketed moves out by at most this factor."""
FIRM = 1e6
"""Weight of the pseudo-run that holds a prediction, in runs."""
OPEN = 50.0
"""Half-widths of the delta interval beyond which a side counts as without end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A number with its profile interval."""

    estimate: Estimate
    low_open: bool
    """No value down to a bound is refused by the runs: `low` is that bound, and stands for "as low as may be"."""
    high_open: bool
    """The same upwards; `high` is then the bound, or a number far beyond anything the runs tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A number to hold: where it is, how far it may go, and refits of the rest with it held."""

    center: float
    se: float
    lower: float
    upper: float
    refit: Callable[[Array, Array], tuple[Array, Array, Array]]
    """(values (2,), starts (2, p)) → θ (2, p), values reached (2,), objectives (2,)."""
    path: Array
    """(p,): how θ moves with the number, to first order."""


def profile(fit: Fit, runs: RunTable, name: str) -> Profile:
    """One of the law's numbers with its profile interval.

    A number that is made of several fitted parameters, is fixed or stands at its bound keeps its delta interval.

    Raises
    ------
    BadInput
        Runs that are not those of the fit. KeyError for a name that the law does not have.
    """
    old = fit.estimate(name)
    index = next(i for i, number in enumerate(fit.estimates) if number.name == name)
    item = fit.form.reported[index]
    runs = same_runs(fit, runs)
    if len(item.needs) != 1 or old.fixed or old.se <= 0:
        return Profile(estimate=old, low_open=old.at_bound, high_open=False)
    held = _held_parameter(fit, runs, item.needs[0])
    (low, high), (low_open, high_open) = _sides(fit, runs, held)
    if item.log:
        low, high = (float(np.exp(np.clip(side, -LARGEST, LARGEST))) for side in (low, high))
    elif name == "E" and low_open:
        low = 0.0
    found = Estimate(name=name, value=old.value, low=low, high=high, se=old.se, at_bound=old.at_bound)
    return Profile(estimate=found, low_open=low_open, high_open=high_open)


def profile_prediction(fit: Fit, runs: RunTable, n_params: float, n_tokens: float) -> Prediction:
    """The loss at one (N, D) with the profile interval of its level.

    Raises
    ------
    BadInput
        Runs that are not those of the fit.
    """
    runs = same_runs(fit, runs)
    told = fit.predict(n_params, n_tokens)
    held = _held_loss(fit, runs, n_params, n_tokens)
    if held.se <= 0:
        return told
    (low, high), _ = _sides(fit, runs, held)
    low, high = (float(np.exp(np.clip(side, -LARGEST, LARGEST))) for side in (low, high))
    return Prediction(
        n_params=n_params, n_tokens=n_tokens, loss=told.loss, low=low, high=high, parameters=told.parameters
    )


def _sides(fit: Fit, runs: RunTable, held: _Held) -> tuple[tuple[float, float], tuple[bool, bool]]:
    """Where the profile crosses the threshold below and above, and which side never does before its end."""
    residuals, weight = _residuals(fit, runs), weights_of(runs)
    share, factor = scale_of(residuals, weight, _delta(fit), fit.n_free)
    theta, sign = np.tile(np.array(fit.theta), (2, 1)), np.array([-1.0, 1.0])
    reach = fit.t_quantile * held.se
    end = np.clip(held.center + sign * OPEN * reach, held.lower, held.upper)
    inner, height = np.full(2, held.center), np.zeros(2)  # the last value below the threshold, and its t
    outer, above = np.full(2, np.nan), np.full(2, np.nan)
    value = _within(held.center + sign * reach, held, end)
    found, is_open = value.copy(), np.zeros(2, dtype=bool)
    done = np.zeros(2, dtype=bool)
    with sound_numbers(fit.form):
        for _ in range(MOST_STEPS):
            start = theta + (value - inner)[:, None] * held.path
            moved, reached, objective = held.refit(value, start)
            rise = np.maximum(objective - fit.objective_value, 0.0)
            t = np.sqrt(2.0 * rise / (share * factor)) / fit.t_quantile
            t = np.where(np.isfinite(t), t, np.inf)
            found = np.where(done, found, reached)
            below = t < 1.0
            is_open |= ~done & below & (np.abs(value - end) <= 1e-12 * (1.0 + np.abs(end)))
            done |= is_open | (np.abs(t - 1.0) < CLOSE)
            if done.all():
                break
            rows = ~done & below
            inner, height = np.where(rows, reached, inner), np.where(rows, t, height)
            theta = np.where(rows[:, None], moved, theta)
            rows = ~done & ~below
            outer, above = np.where(rows, reached, outer), np.where(rows, t, above)
            value = np.where(done, value, _next(held, inner, height, outer, above, sign, end))
    return (float(found[0]), float(found[1])), (bool(is_open[0]), bool(is_open[1]))


def _within(value: Array, held: _Held, end: Array) -> Array:
    kept: Array = np.where(np.abs(value - held.center) > np.abs(end - held.center), end, value)
    return kept


def _next(held: _Held, inner: Array, height: Array, outer: Array, above: Array, sign: Array, end: Array) -> Array:
    """By the secant of t where a side is bracketed, kept inside the bracket; else outwards, t taken as straight."""
    bracketed = np.isfinite(outer)
    with np.errstate(all="ignore"):
        share = np.where(np.isfinite(above), (1.0 - height) / (above - height), 0.5)
        secant = inner + np.clip(share, 0.05, 0.95) * (outer - inner)
        grown = np.clip(1.0 / np.maximum(height, 1e-3), 1.02, GROWTH)
    outwards = _within(held.center + (inner - held.center) * grown, held, end)
    value: Array = np.where(bracketed, secant, outwards)
    return value


def _residuals(fit: Fit, runs: RunTable) -> Array:
    return np.log(runs.loss) - fit.form.log_loss(np.array(fit.theta), inputs_of(runs, fit.form))


def _delta(fit: Fit) -> float:
    return np.inf if fit.delta is None else fit.delta


class _Pinned:
    """A node of θ with one entry given for each row: derivatives by the others."""

    __slots__ = ("_keep", "_node", "value")

    def __init__(self, node: Node, keep: Mask) -> None:
        self._node, self._keep = node, keep
        self.value: Array = node.value

    def gradient(self) -> Array:
        """Without the pinned column."""
        return self._node.gradient()[..., self._keep]

    def contract(self, c: Array) -> Array:
        """Without the pinned row and column."""
        return self._node.contract(c)[:, self._keep][:, :, self._keep]


class _Shifted:
    """A node less a number for each row at the last run."""

    __slots__ = ("_node", "value")

    def __init__(self, node: Node, shift: Array) -> None:
        self._node = node
        self.value: Array = node.value.copy()
        self.value[:, -1] -= np.repeat(shift, len(self.value) // len(shift))

    def gradient(self) -> Array:
        """As it was."""
        return self._node.gradient()

    def contract(self, c: Array) -> Array:
        """As it was."""
        return self._node.contract(c)


def _held_parameter(fit: Fit, runs: RunTable, index: int) -> _Held:
    form, prepared = fit.form, fit.form.prepare(inputs_of(runs, fit.form))
    lower, upper = fit.bounds(runs.loss)
    keep = np.arange(form.n_free) != index
    target, weight, covariance = np.log(runs.loss), weights_of(runs), np.array(fit.covariance)

    def whole(theta: Array, values: Array) -> Array:
        return np.insert(theta, index, np.repeat(values, len(theta) // len(values)), axis=1)

    def refit(values: Array, starts: Array) -> tuple[Array, Array, Array]:
        problem = Problem(
            build=lambda theta: _Pinned(form.compose(whole(theta, values), prepared), keep),
            target=target, weight=weight, delta=_delta(fit), lower=lower[keep], upper=upper[keep],
        )  # fmt: skip
        found = minimise(problem, starts[:, keep], near=True)
        return whole(found.theta, values), values, found.objective

    return _Held(
        center=fit.theta[index], se=float(np.sqrt(covariance[index, index])), lower=float(lower[index]),
        upper=float(upper[index]), refit=refit, path=covariance[index] / max(covariance[index, index], 1e-300),
    )  # fmt: skip


def _held_loss(fit: Fit, runs: RunTable, n_params: float, n_tokens: float) -> _Held:
    form, there = fit.form, fit.inputs(n_params, n_tokens)
    theta, covariance = np.array(fit.theta), np.array(fit.covariance)
    slope = form.gradient(theta, there)[0]
    se = float(fit.along(slope[None])[0])
    known = inputs_of(runs, form)
    extra = {name: np.append(column, np.exp(there.log_d)) for name, column in known.extra.items()}
    both = Inputs(log_n=np.append(known.log_n, there.log_n), log_d=np.append(known.log_d, there.log_d), extra=extra)
    prepared = form.prepare(both)
    lower, upper = fit.bounds(runs.loss)
    target, weight = np.append(np.log(runs.loss), 0.0), np.append(weights_of(runs), FIRM)

    def refit(values: Array, starts: Array) -> tuple[Array, Array, Array]:
        problem = Problem(
            build=lambda at: _Shifted(form.compose(at, prepared), values),
            target=target, weight=weight, delta=_delta(fit), lower=lower, upper=upper,
        )  # fmt: skip
        found = minimise(problem, starts, near=True).theta
        value = form.compose(found, prepared).value
        plain = Problem(
            build=problem.build, target=target[:-1], weight=weight[:-1], delta=_delta(fit), lower=lower, upper=upper
        )
        return found, value[:, -1], plain.of_residuals(target[:-1] - value[:, :-1])

    center = float(form.log_loss(theta, there)[0])
    path = covariance @ slope / max(se**2, 1e-300)
    return _Held(center=center, se=se, lower=-LARGEST, upper=LARGEST, refit=refit, path=path)
