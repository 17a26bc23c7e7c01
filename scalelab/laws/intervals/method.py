"""A fit with its intervals made by another method: profiles of the objective, a bootstrap over clusters, a sandwich."""

from __future__ import annotations

from dataclasses import replace

from scalelab.errors import BadInput, did_you_mean
from scalelab.laws.fits import Estimate, Fit
from scalelab.laws.fitting.fitter import fit as refit
from scalelab.laws.intervals.bootstrap import bootstrap, same_runs
from scalelab.laws.intervals.cluster import cluster_estimates
from scalelab.laws.intervals.profile import profile
from scalelab.laws.runs import RunTable

METHODS = {
    "t": "Student's t",
    "profile": "profile of the objective",
    "bootstrap": "bootstrap over clusters of runs",
    "cluster": "Student's t robust to clusters of runs",
}
"""Every method that can be asked for, and its name in words."""
DETAILS = {
    "t": "Student's t on the parameters' covariance, carried on linearly",
    "profile": "profile of the objective against the F distribution",
    "bootstrap": "bootstrap over clusters of runs, 1,000 refits",
    "cluster": "Student's t on the covariance between clusters of runs (sandwich)",
}
"""The same for who wants to do it again."""


def intervals_of(fit: Fit, runs: RunTable, method: str = "t", *, level: float | None = None, seed: int = 0) -> Fit:
    """The same fit with the intervals of its numbers made by a method.

    Covariance, and with it the intervals of predictions, stays; `bootstrap(...).predict`, `profile_prediction` and
    `cluster_prediction` make those by the other methods.

    Parameters
    ----------
    fit : Fit
        A law fitted to these runs.
    runs : RunTable
        The runs it was fitted to; for a bootstrap those with the same `cluster` rise and fall together.
    method : str
        "t" (delta method), "profile" (F threshold), "bootstrap" (1,000 refits) or "cluster" (robust to trunks whose
        runs rise and fall together, from 8 trunks on).
    level : float, optional
        Of the intervals, between 0 and 1; by default the fit's.
    seed : int
        Of the bootstrap.

    Raises
    ------
    BadInput
        Unknown method, level outside (0, 1), runs that are not those of the fit.
    """
    if method not in METHODS:
        raise BadInput(
            f"no method of intervals is named {method[:60]!r}", allowed=", ".join(METHODS),
            todo=did_you_mean(method, METHODS),
        )  # fmt: skip
    level = fit.level if level is None else level
    check_level(level)
    runs = same_runs(fit, runs)
    if level != fit.level or fit.interval_method != "t":
        fixed = {name: fit.estimate(name).value for name in fit.fixed}
        plain = refit(runs, fit.law, fit.objective, fix=fixed, level=level)
        fit = replace(fit, level=level, t_quantile=plain.t_quantile, estimates=plain.estimates, interval_method="t")
    return replace(fit, estimates=_estimates(fit, runs, method, seed), interval_method=method)


def check_level(level: float) -> None:
    """Refuse what is no probability of an interval."""
    if not 0.0 < level < 1.0:
        raise BadInput(f"an interval's level is {level}", allowed="a number between 0 and 1, such as 0.95")


def _estimates(fit: Fit, runs: RunTable, method: str, seed: int) -> tuple[Estimate, ...]:
    if method == "bootstrap":
        return bootstrap(fit, runs, seed=seed).estimates()
    if method == "cluster":
        return cluster_estimates(fit, runs)
    if method == "profile":
        return tuple(profile(fit, runs, number.name).estimate for number in fit.estimates)
    return fit.estimates
