"""The tangent plane against brute force: leverage, studentised residuals, and columns fitted beside the law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import RunTable
from scalelab.laws.diagnose.tangent import Tangent, tangent_of
from tests.laws.simulated import lab


def columns(runs: RunTable) -> np.ndarray:
    """The design of the power law."""
    return np.column_stack([np.ones(len(runs)), np.log(runs.n_params), np.log(runs.n_tokens)])


@pytest.fixture
def runs() -> RunTable:
    weight = np.random.default_rng(5).uniform(0.2, 3.0, 25)
    return replace(lab(25, seed=3), weight=weight)


@pytest.fixture
def plane(runs: RunTable) -> Tangent:
    return tangent_of(runs, laws.fit(runs, "power"))


def test_leverage_is_the_diagonal_of_the_hat_matrix(runs: RunTable, plane: Tangent) -> None:
    x = columns(runs) * np.sqrt(runs.weight / runs.weight.mean())[:, None]
    hat = x @ np.linalg.inv(x.T @ x) @ x.T
    assert plane.hat == pytest.approx(np.diag(hat), rel=1e-8)
    assert plane.hat.sum() == pytest.approx(3)


def test_studentised_residuals_are_those_of_refits_without_each_run(runs: RunTable, plane: Tangent) -> None:
    x, y = columns(runs), np.log(runs.loss)
    weight = runs.weight / runs.weight.mean()
    root = np.sqrt(weight)
    for i in (0, 7, 24):
        rest = np.arange(25) != i
        slopes = np.linalg.lstsq((x * root[:, None])[rest], (y * root)[rest], rcond=None)[0]
        spread = (weight * (y - x @ slopes) ** 2)[rest].sum() / (24 - 3)
        inverse = np.linalg.inv((x * weight[:, None])[rest].T @ x[rest])
        t = (y[i] - x[i] @ slopes) / np.sqrt(spread * (1 / weight[i] + x[i] @ inverse @ x[i]))
        assert plane.studentised()[i] == pytest.approx(t, rel=1e-6)


def test_the_plane_without_runs_is_that_of_a_fit_without_them(runs: RunTable, plane: Tangent) -> None:
    gone = np.isin(np.arange(25), [2, 11])
    other = replace(runs.take(~gone))
    fresh = tangent_of(other, laws.fit(other, "power"))
    scale = np.sqrt(runs.weight.mean() / other.weight.mean())
    assert plane.without(gone).residuals * scale == pytest.approx(fresh.residuals, abs=1e-10)


def test_a_column_beside_the_law_has_the_slope_and_p_value_of_a_larger_regression(runs: RunTable) -> None:
    from scipy.stats import t as student

    runs = replace(runs, weight=None)
    plane = tangent_of(runs, laws.fit(runs, "power"))
    extra = np.random.default_rng(1).standard_normal(25)
    x, y = np.column_stack([columns(runs), extra]), np.log(runs.loss)
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    spread = ((y - x @ slopes) ** 2).sum() / 21
    se = np.sqrt(spread * np.linalg.inv(x.T @ x)[3, 3])
    found = plane.beside(extra)
    assert found is not None
    assert found.value == pytest.approx(slopes[3], rel=1e-6)
    assert found.p_value == pytest.approx(2 * student.sf(abs(slopes[3] / se), 21), rel=1e-5)


def test_a_column_that_the_law_follows_already_cannot_be_told(runs: RunTable, plane: Tangent) -> None:
    assert plane.beside(np.log(runs.n_params) - 2 * np.log(runs.n_tokens)) is None


def test_copies_of_one_run_are_no_evidence_once_they_are_a_cluster() -> None:
    base = lab(16, seed=2, noise=0.01)
    five = base.take(np.repeat(np.arange(16), 5))
    plane = tangent_of(five, laws.fit(five, "power"))
    column = (np.arange(16) % 5 == 0).astype(float)
    once = tangent_of(base, laws.fit(base, "power")).beside(column)
    naive = plane.beside(np.repeat(column, 5))
    honest = plane.beside(np.repeat(column, 5), [str(i) for i in np.repeat(np.arange(16), 5)])
    assert once is not None
    assert naive is not None
    assert honest is not None
    assert naive.value == pytest.approx(once.value, rel=1e-6)
    assert naive.p_value < once.p_value / 2
    assert honest.p_value == pytest.approx(once.p_value, rel=0.6)


def test_a_run_that_the_law_must_pass_through_has_nothing_to_test() -> None:
    base = lab(16, seed=0)
    n = np.append(np.full(16, 1e8), 1e9)
    runs = laws.run_table(
        n_params=n, n_tokens=np.append(base.n_tokens + np.arange(16), 2e9), loss=np.append(base.loss, 2.0)
    )
    plane = tangent_of(runs, laws.fit(runs, "power"))
    assert plane.hat[-1] == pytest.approx(1.0)
    assert plane.studentised()[-1] == 0.0


def test_parameters_that_were_given_are_no_directions_of_the_plane() -> None:
    runs = lab(16, seed=0)
    given = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}
    assert tangent_of(runs, laws.fit(runs, "chinchilla", fix={"E": 1.8})).basis.shape == (16, 4)
    known = tangent_of(runs, laws.fit(runs, "chinchilla", fix=given))
    assert known.dof == 16
    assert (known.hat == 0).all()
    assert known.residuals == pytest.approx(0.005 * np.random.default_rng(0).standard_normal(16), abs=1e-6)
    without_residuals = replace(laws.fit(runs, "power"), covariance=((0.0,) * 3,) * 3)
    assert tangent_of(runs, without_residuals).basis.shape == (16, 3)
