"""Intervals where a trunk's runs rise and fall together: cluster-robust, for few clusters.

The bias-reduced sandwich CR2 with the degrees of freedom of Bell and McCaffrey 2002 (Survey Methodology 28, 169), its
own for each number: one that hangs on few trunks, such as what the size of model does, has fewer. On simulated labs of
8 and 12 trunks of four runs, whose trunks scattered as much as their runs or not at all, it held the truth .95–.96 of
the time; intervals that take runs for independent .87–.89 (.74 for α) where trunks scattered, CR1 with G − 1 degrees
.90–.94. Where they do not it is right too but wider, which is why it is asked for by name.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.fits import Estimate, Fit, Prediction
from scalelab.laws.fitting.fitter import inputs_of, weights_of
from scalelab.laws.intervals.bootstrap import clusters_of, same_runs
from scalelab.laws.intervals.delta import inverse_gram, scale_of, t_quantile
from scalelab.laws.intervals.exponents import log_even
from scalelab.laws.intervals.numbers import reported, with_half
from scalelab.laws.runs import Array, RunTable

FEWEST_CLUSTERS = 8
"""Below, too few trunks tell how trunks scatter."""
MOST_RUNS = 3_000
"""Above, the hat matrix would be too large."""
LEAST_LEFT = 1e-8
"""Of a cluster's residual variance that the fit leaves in a direction: less counts as this much."""


class Sandwich:
    """CR2 of one fit: standard errors and quantiles of numbers from their gradients."""

    def __init__(self, fit: Fit, runs: RunTable) -> None:
        """BadInput for fewer than 8 clusters, more than 3,000 runs, or runs that are not those of the fit."""
        runs = same_runs(fit, runs)
        groups = clusters_of(runs)
        _check(int(groups.max()) + 1, len(runs))
        theta, inputs, weight = np.array(fit.theta), inputs_of(runs, fit.form), weights_of(runs)
        delta = np.inf if fit.delta is None else fit.delta
        residuals = np.log(runs.loss) - fit.form.log_loss(theta, inputs)
        share = scale_of(residuals, weight, delta, fit.n_free)[0]
        root = np.sqrt(weight)
        free = np.diag(np.array(fit.covariance)) > 0
        jacobian = fit.form.gradient(theta, inputs) * root[:, None] * free
        gram = np.zeros((len(free), len(free)))
        gram[np.ix_(free, free)] = inverse_gram(jacobian[:, free], np.ones(len(runs)))
        self._rows: Array = jacobian @ gram  # a number with gradient c is moved by these rows · c
        left = np.eye(len(runs)) - self._rows @ jacobian.T
        self._parts = [(left[:, own], _inverse_root(left[np.ix_(own, own)]), own) for own in _members(groups)]
        self._psi: Array = root * np.clip(residuals, -delta, delta) / share
        self._level = fit.level

    def half(self, gradient: Array) -> tuple[float, float]:
        """Half-width of the interval of a number with this gradient (p,), and its standard error."""
        pull = self._rows @ gradient
        columns, variance = [], 0.0
        for left, adjust, own in self._parts:
            adjusted = adjust @ pull[own]
            columns.append(left @ adjusted)
            variance += float(adjusted @ self._psi[own]) ** 2
        inner = np.stack(columns) @ np.stack(columns).T
        size = float((inner * inner).sum())
        dof = float(np.trace(inner)) ** 2 / size if size > 0 else 1.0
        se = math.sqrt(variance)
        return t_quantile(max(dof, 1.0), self._level) * se, se


def cluster_estimates(fit: Fit, runs: RunTable) -> tuple[Estimate, ...]:
    """A law's numbers with cluster-robust intervals.

    Raises
    ------
    BadInput
        Fewer than 8 clusters of runs, more than 3,000 runs, or runs that are not those of the fit.
    """
    sandwich = Sandwich(fit, runs)
    _, gradients = reported(fit.form, np.array(fit.theta)[None])
    return tuple(with_half(fit, i, *sandwich.half(gradient)) for i, gradient in enumerate(gradients[0]))


def cluster_prediction(fit: Fit, runs: RunTable, n_params: float, n_tokens: float) -> Prediction:
    """The loss at one (N, D) with the cluster-robust interval of its level; raises as `cluster_estimates`."""
    gradient = fit.form.gradient(np.array(fit.theta), fit.inputs(n_params, n_tokens))[0]
    half, se = Sandwich(fit, runs).half(gradient)
    told = log_even("loss", float(fit.log_loss(n_params, n_tokens)), half, half / se if se > 0 else 1.0)
    return Prediction(
        n_params=n_params, n_tokens=n_tokens, loss=told.value, low=told.low, high=told.high, parameters=se
    )


def _check(clusters: int, n_runs: int) -> None:
    if clusters < FEWEST_CLUSTERS:
        raise BadInput(
            f"the runs come from {clusters} trunks", allowed=f"{FEWEST_CLUSTERS} or more for cluster-robust intervals",
            todo="ask for another interval: t or profile",
        )  # fmt: skip
    if n_runs > MOST_RUNS:
        raise BadInput(
            f"{n_runs:,} runs", allowed=f"{MOST_RUNS:,} or fewer for cluster-robust intervals", todo="ask for bootstrap"
        )


def _members(groups: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


def _inverse_root(matrix: Array) -> Array:
    values, axes = np.linalg.eigh(matrix)
    root: Array = (axes / np.sqrt(np.maximum(values, LEAST_LEFT))) @ axes.T
    return root
