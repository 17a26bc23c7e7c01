"""Bootstrap of a fit over clusters of runs: a thousand refits at once, and intervals of anything that a law tells.

Every refit draws one random weight a cluster (a trunk's runs rise and fall together, a run without a trunk alone), so
that no draw loses a size of model for good as drawing with replacement does (Rubin 1981, "The Bayesian bootstrap").
Weights are Gamma with mean one and variance n/(n − p) · G/(G − 1): a fit of p parameters leaves residuals too small,
and with weights of variance one intervals of 9, 16, 25 runs held the truth .78–.90 of the time by percentiles.
Intervals are symmetric percentile-t, the quantile of |θ* − θ|/se* times the fit's own se (Hall 1992, section 3.6):
.947, .957, .956 there, where percentiles of the same refits gave .87, .92, .93.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.fits import Estimate, Fit, Prediction
from scalelab.laws.fitting.fitter import inputs_of, sound_numbers, weights_of
from scalelab.laws.fitting.newton import Problem, minimise
from scalelab.laws.fitting.objective import robust_scale
from scalelab.laws.forms import Inputs
from scalelab.laws.forms.nodes import Node
from scalelab.laws.intervals.delta import inverse_grams, normal_moments
from scalelab.laws.intervals.exponents import (
    Exponents,
    OptimumInterval,
    Source,
    growth,
    log_even,
    optima,
)
from scalelab.laws.intervals.numbers import along, reported, with_half
from scalelab.laws.runs import Array, RunTable, without_impossible

AT_ONCE = 150_000
"""Weights of refits that are made together: beyond, they no longer fit the processor's cache."""
FEWEST, MOST = 100, 100_000
"""Refits that may be asked for: a 95 % quantile of fewer is a guess."""
TOLERANCE = 1e-5
"""Relative decrease of an objective after which a refit rests: the step that brought it was one of Newton's, so that
the next would be its square."""
ROUND, ROUNDS = 2, 12
"""Steps between which refits that rest are left behind, and how often: most need three steps, a few a dozen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bootstrap:
    """Refits of a law under random weights."""

    fit: Fit
    theta: Array
    """(B, p): the parameters of each refit."""
    covariance: Array
    """(B, p, p): what each refit would say of its own parameters, to studentize it by."""
    plain: Array
    """(p, p): what the fit itself says by the same formula, for the quantiles to be multiplied by."""
    n_clusters: int
    """Groups of runs that shared a weight; the number of runs where none share a trunk."""
    seed: int

    def interval(self, name: str) -> Estimate:
        """One of the law's numbers with its bootstrap interval; KeyError where the law has none of that name."""
        return next(number for number in self.estimates() if number.name == self.fit.estimate(name).name)

    def estimates(self) -> tuple[Estimate, ...]:
        """All of the law's numbers with bootstrap intervals."""
        values, gradients = reported(self.fit.form, self.theta)
        center, slope = reported(self.fit.form, np.array(self.fit.theta)[None])
        halves = [self._half(values[:, i], gradients[:, i], center[0, i], slope[:, i]) for i in range(values.shape[1])]
        return tuple(with_half(self.fit, index, *half) for index, half in enumerate(halves))

    def predict(self, n_params: float, n_tokens: float) -> Prediction:
        """The law at one (N, D) with the bootstrap interval of its level."""
        inputs = self.fit.inputs(n_params, n_tokens)
        form, theta = self.fit.form, np.array(self.fit.theta)
        prepared = form.prepare(inputs)
        node = form.compose(self.theta, prepared)
        gradient = np.broadcast_to(node.gradient(), (len(self.theta), 1, form.n_free))[:, 0]
        center, slope = float(form.log_loss(theta, inputs)[0]), form.gradient(theta, inputs)
        half, se = self._half(node.value[:, 0], gradient, center, slope)
        told = log_even("loss", center, half, max(half / se, 1.0) if se > 0 else 1.0)
        return Prediction(
            n_params=n_params, n_tokens=n_tokens, loss=told.value, low=told.low, high=told.high, parameters=se
        )

    def optimum(self, flops: float, flops_per_token: Source = None) -> OptimumInterval:
        """The best N and D at C training FLOPs and the loss there, with bootstrap intervals.

        Raises
        ------
        BadInput
            C not a positive number, or a law without a best N there.
        """
        center = optima(self.fit, np.array(self.fit.theta)[None], flops, flops_per_token)[0]
        drawn = optima(self.fit, self.theta, flops, flops_per_token)
        n, d, loss = (
            log_even(name, float(center[i]), *self._plain(drawn[:, i], float(center[i])))
            for i, name in enumerate(("n_params", "n_tokens", "loss"))
        )
        return OptimumInterval(
            law=self.fit.law, flops=flops, level=self.fit.level, n_params=n, n_tokens=d, loss=loss, method="bootstrap"
        )

    def exponents(self, flops: float | None = None, flops_per_token: Source = None) -> Exponents:
        """The exponents a and b of N* ∝ C^a, D* ∝ C^b at C (by default the runs' largest), with bootstrap intervals.

        Raises
        ------
        BadInput
            As `optimum`.
        """
        at = self.fit.c_range[1] if flops is None else flops
        center = growth(self.fit, np.array(self.fit.theta)[None], at, flops_per_token)[0]
        drawn = growth(self.fit, self.theta, at, flops_per_token)
        found = []
        for i, name in enumerate("ab"):
            value = float(center[i])
            half, quantile = self._plain(drawn[:, i], value)
            found.append(Estimate(name=name, value=value, low=value - half, high=value + half, se=half / quantile))
        return Exponents(law=self.fit.law, flops=at, level=self.fit.level, a=found[0], b=found[1], method="bootstrap")

    def _half(self, values: Array, gradients: Array, center: float, slope: Array) -> tuple[float, float]:
        """Half-width and standard error of a number: symmetric percentile-t."""
        se = float(along(np.atleast_2d(slope), self.plain[None])[0])
        own = along(gradients, self.covariance)
        with np.errstate(all="ignore"):
            z = np.abs(values - center) / own
        quantile = float(np.quantile(z[np.isfinite(z)], self.fit.level)) if se > 0 and np.isfinite(z).any() else 0.0
        return quantile * se, se

    def _plain(self, values: Array, center: float) -> tuple[float, float]:
        """Half-width, and the quantile in it, of a number without a gradient: the refits' scatter times the quantile.

        The scatter is half of what holds the middle 68 %, the quantile the fit's own of Student.
        """
        good = values[np.isfinite(values)]
        if len(good) < self.fit.level * len(values):
            raise BadInput(
                f"{self.fit.law} has a best N there in only {len(good)} of {len(values)} refits",
                todo="ask at a compute nearer to the runs",
            )
        low, high = np.quantile(good, [0.1587, 0.8413])
        quantile = self.fit.t_quantile
        return quantile * float(high - low) / 2.0, quantile


def bootstrap(fit: Fit, runs: RunTable, n: int = 1000, seed: int = 0) -> Bootstrap:
    """Refit a law n times under random weights of clusters of runs.

    Parameters
    ----------
    fit : Fit
        The law fitted to these runs; its δ is kept.
    runs : RunTable
        The same runs. Those with the same `cluster` rise and fall together.
    n : int
        Refits, 100 to 100,000.
    seed : int
        Of the weights: the same seed gives the same refits.

    Raises
    ------
    BadInput
        Runs that are not those of the fit, n out of range, fewer than three clusters.
    """
    if not FEWEST <= n <= MOST:
        raise BadInput(f"{n} bootstrap refits", allowed=f"{FEWEST} to {MOST:,}")
    runs = same_runs(fit, runs)
    groups = clusters_of(runs)
    count = int(groups.max()) + 1
    if count < 3:
        raise BadInput(f"the runs come from {count} trunks", todo="ask for another interval: t or profile")
    draw = np.random.default_rng(seed)
    spread = len(runs) / max(len(runs) - fit.n_free, 1) * count / (count - 1)
    inputs = inputs_of(runs, fit.form)
    parts = []
    with sound_numbers(fit.form):
        for rows in _portions(n, len(runs)):
            weight = draw.gamma(1.0 / spread, spread, size=(rows, count))[:, groups] * weights_of(runs)
            parts.append(_refit(fit, runs, inputs, weight / weight.mean(axis=1, keepdims=True)))
    theta, covariance = (np.concatenate(column) for column in zip(*parts, strict=True))
    node = fit.form.compose(np.array(fit.theta)[None], fit.form.prepare(inputs))
    free = np.diag(np.array(fit.covariance)) > 0
    plain = _covariances(fit, runs, node, weights_of(runs)[None])[0] * np.outer(free, free)
    return Bootstrap(fit=fit, theta=theta, covariance=covariance, plain=plain, n_clusters=count, seed=seed)


def same_runs(fit: Fit, runs: RunTable) -> RunTable:
    """The runs that can be points, after a check that the fit is of them."""
    runs = without_impossible(runs)
    if len(runs) != fit.n_runs or (fit.run_id and fit.run_id != runs.run_id):
        raise BadInput(
            f"the fit is of {fit.n_runs} runs, not of these {len(runs)}", todo="give the runs it was made of"
        )
    return runs


def clusters_of(runs: RunTable) -> npt.NDArray[np.intp]:
    """A number from 0 for each run's cluster; each its own where none are given or a run names none."""
    if runs.cluster is None:
        return np.arange(len(runs))
    names = [name or f"\0{index}" for index, name in enumerate(runs.cluster)]
    groups: npt.NDArray[np.intp] = np.unique(names, return_inverse=True)[1]
    return groups


def _portions(n: int, n_runs: int) -> Iterator[int]:
    most = max(AT_ONCE // n_runs, 1)
    while n > 0:
        yield min(n, most)
        n -= most


def _refit(fit: Fit, runs: RunTable, inputs: Inputs, weight: Array) -> tuple[Array, Array]:
    """Parameters and covariance under each row of weights (B, n)."""
    form, target = fit.form, np.log(runs.loss)
    prepared = form.prepare(inputs)
    lower, upper = fit.bounds(runs.loss)
    delta = np.inf if fit.delta is None else fit.delta
    problem = Problem(
        build=lambda theta: form.compose(theta, prepared),
        target=target, weight=weight, delta=delta, lower=lower, upper=upper,
    )  # fmt: skip
    theta = _minima(problem, weight, np.array(fit.theta))
    return theta, _covariances(fit, runs, form.compose(theta, prepared), weight)


def _covariances(fit: Fit, runs: RunTable, node: Node, weight: Array) -> Array:
    """Of each row of θ under its row of weights, as if all runs scattered alike: (B, p, p)."""
    lower, upper = fit.bounds(runs.loss)
    free = lower < upper
    gradient = np.broadcast_to(node.gradient(), (len(weight), len(runs), fit.form.n_free)) * free
    own = np.log(runs.loss) - fit.form.log_loss(np.array(fit.theta), inputs_of(runs, fit.form))
    factor = _factors(fit, np.log(runs.loss) - node.value, weight, robust_scale(own, fit.n_free))
    covered: Array = inverse_grams(gradient, weight, free) * factor[:, None, None]
    return covered


def _factors(fit: Fit, residuals: Array, weight: Array, scale: float) -> Array:
    """What each row's (Jᵀ W J)⁻¹ is multiplied by: (B,).

    Where δ is below the fit's scale, so that next to nothing is inside it, that is what normal errors of it give.
    """
    delta = np.inf if fit.delta is None else fit.delta
    if delta < scale:
        inside, squares = normal_moments(delta, scale)
        return np.full(len(weight), squares / inside**2)
    share = np.maximum((weight * (np.abs(residuals) <= delta)).mean(axis=1), 1.0 / residuals.shape[1])
    spread = (weight * np.clip(residuals, -delta, delta) ** 2).sum(axis=1) / max(residuals.shape[1] - fit.n_free, 1)
    factor: Array = spread / share**2
    return factor


def _minima(problem: Problem, weight: Array, start: Array) -> Array:
    """Where each row of weights (B, n) has its minimum, from one start: (B, p)."""
    theta = np.tile(start, (len(weight), 1))
    rest = np.arange(len(weight))
    for _ in range(ROUNDS):
        found = minimise(replace(problem, weight=weight[rest]), theta[rest], near=True, tolerance=TOLERANCE, most=ROUND)
        theta[rest] = found.theta
        rest = rest[~found.converged]
        if len(rest) == 0:
            break
    return theta
