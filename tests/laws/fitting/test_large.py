"""Tables too large to search on all their runs: the same minimum, in pieces."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import RunTable, run_table
from scalelab.laws.fitting import pieces, solve
from scalelab.laws.fitting.fitter import inputs_of
from scalelab.laws.fitting.newton import minimise
from scalelab.laws.fitting.pieces import problem_of, spread_rows
from scalelab.laws.forms import FORMS

from ..simulated import TRUTH, chinchilla_loss, lab


def many(n_runs: int, seed: int = 0) -> RunTable:
    rng = np.random.default_rng(seed)
    n, d = (np.exp(rng.uniform(np.log(low), np.log(low * 1e3), n_runs)) for low in (1e6, 1e8))
    return run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * np.exp(0.01 * rng.standard_normal(n_runs)))


@pytest.mark.parametrize("objective", ["huber", "hoffmann", "least-squares"])
def test_minimum_is_that_of_all_runs(monkeypatch: pytest.MonkeyPatch, objective: str) -> None:
    runs = many(12_000)
    at_once = laws.fit(runs, "chinchilla", objective)
    monkeypatch.setattr(solve, "LARGE", 5_000)
    monkeypatch.setattr(pieces, "PIECE", 1_700)
    in_pieces = laws.fit(runs, "chinchilla", objective)
    assert in_pieces.objective_value == pytest.approx(
        at_once.objective_value, rel=1e-7 if objective != "huber" else 1e-4
    )
    np.testing.assert_allclose(in_pieces.theta, at_once.theta, rtol=2e-4)
    assert in_pieces.converged


def test_large_tables_give_the_truth_in_bounded_memory() -> None:
    runs = many(60_000)
    tracemalloc.start()
    fit = laws.fit(runs, "chinchilla")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    for name, value in TRUTH.items():
        estimate = fit.estimate(name)
        assert abs(estimate.value - value) < 4 * estimate.se
    assert peak < 60_000 * 8 * 60  # sixty columns: one start's trials on all runs at once would be four times that


@pytest.mark.parametrize("law", ["chinchilla", "kaplan+E", "data-constrained"])
def test_a_problem_in_pieces_takes_the_same_steps(monkeypatch: pytest.MonkeyPatch, law: str) -> None:
    runs, form = lab(48, seed=1), FORMS[law]
    theta = np.array([1.5, *[6.0, 7.0, 0.4, 0.3, 2.0, 1.0][: form.n_free - 1]])
    inputs = inputs_of(runs, FORMS["chinchilla"])
    arguments = (form, inputs, np.log(runs.loss), np.ones(48), 0.01, form.bounds(runs.loss))
    whole = minimise(problem_of(*arguments), theta[None], most=3)
    monkeypatch.setattr(pieces, "PIECE", 11)
    parted = problem_of(*arguments)
    assert len(parted.parts) == 5
    found = minimise(parted, theta[None], most=3)
    np.testing.assert_allclose(found.objective, whole.objective, rtol=1e-8)
    np.testing.assert_allclose(found.theta, whole.theta, rtol=1e-5)


def test_rows_that_stand_for_all_are_spread_along_compute() -> None:
    runs = many(5_000)
    some = spread_rows(inputs_of(runs, FORMS["power"]), 64)
    ranks = np.argsort(np.argsort(runs.n_params * runs.n_tokens))[some]
    assert ranks[0] == 0 and ranks[-1] == 4_999
    assert np.ptp(np.diff(ranks)) <= 1
