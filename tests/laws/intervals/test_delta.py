"""Intervals cover what they promise on simulated labs (quick here; thousands of labs in the benchmark)."""

from __future__ import annotations

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws.intervals.delta import complex_gradient, covariance, effective_dof, t_quantile
from tests.benchmarks.coverage import shares

from ..simulated import lab
from .labs import SHAPES

LABS = 60


@pytest.mark.parametrize("n_runs", sorted(SHAPES))
@pytest.mark.parametrize("objective", ["huber", "hoffmann"])
def test_95_percent_intervals_cover_simulated_truth(n_runs: int, objective: str) -> None:
    found = shares(n_runs, LABS, tied=n_runs == 9, objective=objective)
    error = (0.95 * 0.05 / LABS) ** 0.5
    assert min(found.values()) >= 0.95 - 3 * error, found
    assert abs(np.mean(list(found.values())) - 0.955) <= 2 * error, found


def test_robust_scales_are_worth_fewer_degrees_of_freedom() -> None:
    residuals = np.random.default_rng(1).standard_normal(25)
    assert effective_dof(residuals, np.inf, 5) == 20
    assert effective_dof(residuals, 1.345, 5) == pytest.approx(13.75)
    assert effective_dof(residuals, 0.01, 5) < 11
    assert effective_dof(residuals[:6], 1.345, 5) >= 1


def test_quantiles_are_those_of_the_table() -> None:
    assert t_quantile(4) == pytest.approx(2.776445, rel=1e-6)
    assert t_quantile(1) == pytest.approx(12.7062, rel=1e-5)
    assert t_quantile(10_000) == pytest.approx(1.9602, rel=1e-4)
    assert t_quantile(10, 0.99) == pytest.approx(3.169273, rel=1e-6)


def test_covariance_is_the_textbook_one_for_least_squares_and_larger_under_huber() -> None:
    rng = np.random.default_rng(0)
    jacobian, residuals, weight = rng.standard_normal((40, 3)), rng.standard_normal(40), np.ones(40)
    free = np.ones(3, dtype=bool)
    plain = covariance(jacobian, residuals, weight, np.inf, free)
    np.testing.assert_allclose(plain, np.linalg.inv(jacobian.T @ jacobian) * (residuals @ residuals) / 37)
    free[1] = False
    held = covariance(jacobian, residuals, weight, np.inf, free)
    assert (held[1] == 0).all()
    assert (held[:, 1] == 0).all()
    assert held[0, 0] <= plain[0, 0] * 1.0001


def test_level_sets_the_width() -> None:
    wide, narrow = (laws.fit(lab(16), level=level).estimate("alpha") for level in (0.99, 0.8))
    assert wide.high - wide.low > narrow.high - narrow.low


def test_complex_step_is_exact() -> None:
    theta = np.array([0.3, -1.2])
    gradient = complex_gradient(lambda t: np.exp(t[0]) / t[1], theta)
    np.testing.assert_allclose(gradient, [np.exp(0.3) / -1.2, -np.exp(0.3) / 1.44], rtol=1e-14)
