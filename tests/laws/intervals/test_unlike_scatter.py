"""Runs that do not scatter alike: intervals of large tables hold the truth all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import RunTable, run_table
from scalelab.laws.fitting.fitter import inputs_of
from scalelab.laws.intervals.delta import MANY, sandwich

from ..simulated import TRUTH, chinchilla_loss, lab
from .public import chinchilla_epoch


def alike(compute: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    return np.full(len(compute), 0.005)


def noisy_when_short(compute: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    return np.where(tokens < 1e9, 0.023, 0.003)


def large_lab(seed: int, scatter: Callable[[np.ndarray, np.ndarray], np.ndarray], n_runs: int = 120) -> RunTable:
    draw = np.random.default_rng((n_runs, seed))
    n, d = 10 ** draw.uniform(7, 9.5, n_runs), 10 ** draw.uniform(8.3, 11, n_runs)
    errors = scatter(6 * n * d, d) * draw.standard_normal(n_runs)
    return run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * np.exp(errors))


def parts(runs: RunTable, objective: str | None) -> tuple[np.ndarray, np.ndarray, float, laws.Fit]:
    fit = laws.fit(runs, "chinchilla", objective)
    theta, inputs = np.array(fit.theta), inputs_of(runs, fit.form)
    residuals = np.log(runs.loss) - fit.form.log_loss(theta, inputs)
    return fit.form.gradient(theta, inputs), residuals, np.inf if fit.delta is None else fit.delta, fit


@pytest.mark.parametrize("scatter", [alike, noisy_when_short])
def test_intervals_of_many_runs_hold_the_truth_however_they_scatter(
    scatter: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    inside = []
    for seed in range(60):
        fit = laws.fit(large_lab(seed, scatter), "chinchilla")
        inside.append([number.low <= TRUTH[number.name] <= number.high for number in fit.estimates])
    assert 0.9 <= np.mean(inside) <= 0.99  # .80 for the second where all are taken to scatter alike


@pytest.mark.parametrize("objective", ["huber", "least-squares"])
def test_where_runs_scatter_alike_the_two_agree(objective: str) -> None:
    ratios = []
    for seed in range(6):
        gradient, residuals, delta, fit = parts(large_lab(seed, alike, 400), objective)
        weight = np.ones(400)
        plain = laws.bootstrap(fit, large_lab(seed, alike, 400), n=100).plain
        ratios.append(np.sqrt(np.diag(sandwich(gradient, residuals, weight, delta, 5)) / np.diag(plain)))
    assert np.mean(ratios, axis=0) == pytest.approx(np.ones(5), abs=0.15)


def test_the_unit_of_weights_and_the_order_of_runs_do_not_matter() -> None:
    gradient, residuals, delta, _ = parts(large_lab(1, noisy_when_short), "huber")
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(residuals))
    found = sandwich(gradient, residuals, weight, delta, 5)
    np.testing.assert_allclose(sandwich(gradient, residuals, 1e6 * weight, delta, 5), found, rtol=1e-6)
    order = np.random.default_rng(1).permutation(len(residuals))
    np.testing.assert_allclose(sandwich(gradient[order], residuals[order], weight[order], delta, 5), found, rtol=1e-6)
    assert (np.linalg.eigvalsh(found) >= -1e-12 * np.abs(found).max()).all()


def test_labs_are_too_small_to_say_where_they_scatter() -> None:
    runs = lab(25)
    gradient, residuals, delta, fit = parts(runs, None)
    own = sandwich(gradient, residuals, np.ones(25), delta, 5)
    assert not np.allclose(np.array(fit.covariance), own, rtol=1e-3)
    big = large_lab(0, alike, 5 + MANY)
    gradient, residuals, delta, fit = parts(big, None)
    np.testing.assert_allclose(
        np.array(fit.covariance), sandwich(gradient, residuals, np.ones(len(big)), delta, 5), rtol=1e-6
    )


@pytest.mark.parametrize(("objective", "rel"), [("huber", 0.2), ("hoffmann", 0.35), ("least-squares", 0.3)])
def test_on_the_240_runs_they_are_those_of_the_bootstrap(shared_data: Path, objective: str, rel: float) -> None:
    runs = chinchilla_epoch(shared_data)
    fit = laws.fit(runs, "chinchilla", objective)
    spread = laws.bootstrap(fit, runs, n=600).theta.std(axis=0)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(spread, rel=rel)


def test_published_standard_errors_of_the_240_runs_are_near(shared_data: Path) -> None:
    # Besiroglu et al. 2024 (arXiv 2404.10102) by 4,000 bootstraps: E .0257, alpha .0154, beta .0206, A 124.5.
    fit = laws.fit(chinchilla_epoch(shared_data), "chinchilla", "hoffmann")
    told = {number.name: number.se for number in fit.estimates}
    for name, published in (("E", 0.0257), ("alpha", 0.0154), ("beta", 0.0206), ("A", 124.5)):
        assert told[name] == pytest.approx(published, rel=0.35)


def test_a_run_that_makes_its_own_fit_does_not_break_it() -> None:
    runs = large_lab(3, alike)
    alone = replace(runs, n_params=np.where(np.arange(120) == 7, 1e2, runs.n_params))
    loss = np.where(np.arange(120) == 7, chinchilla_loss(1e2, runs.n_tokens[7]), runs.loss)
    fit = laws.fit(replace(alone, loss=loss), "chinchilla")
    assert np.isfinite(np.array(fit.covariance)).all()
    assert all(number.low <= number.value <= number.high for number in fit.estimates)
