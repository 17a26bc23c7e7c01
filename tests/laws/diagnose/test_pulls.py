"""One-step deletion against refits that really leave each run out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import diagnose, run_table
from scalelab.laws.diagnose.pulls import further, moves_without
from tests.laws.simulated import lab


@pytest.mark.parametrize("law", ["power", "chinchilla-tied", "chinchilla", "coupled"])
def test_moves_are_those_of_refits_without_each_run(law: str) -> None:
    runs = lab(25, seed=1)
    fit = laws.fit(runs, law)
    at = further(runs)
    refits = [laws.fit(runs.take(np.arange(25) != i), law) for i in range(25)]
    exact = np.array([float(refit.log_loss(*at) - fit.log_loss(*at)) for refit in refits])
    moves = moves_without(runs, fit)
    assert np.corrcoef(moves, exact)[0, 1] > 0.95
    assert float(moves @ exact / (exact @ exact)) == pytest.approx(1.0, abs=0.2)
    assert np.abs(moves).argmax() == np.abs(exact).argmax()


def test_the_prediction_is_looked_at_with_ten_times_the_largest_compute() -> None:
    runs = lab(16)
    n, d = further(runs)
    assert n * d == pytest.approx(10 * (runs.n_params * runs.n_tokens).max())
    assert d / n == pytest.approx(np.median(runs.n_tokens / runs.n_params), rel=0.5)


def test_a_wrong_run_that_is_alone_at_its_size_is_named_as_what_the_fit_hangs_on() -> None:
    n = np.append(np.repeat([1e7, 3e7], 5), 1e9)
    d = np.append(np.tile(np.geomspace(2e8, 2e10, 5), 2), 2e10)
    loss = 30 * n**-0.08 * d**-0.07 * np.exp(0.002 * np.random.default_rng(0).standard_normal(11))
    loss[-1] *= 1.05
    runs = run_table(n_params=n, n_tokens=d, loss=loss, run_id=[*map(str, range(10)), "big-1b"])
    seen = diagnose(runs, laws.fit(runs, "power"))
    assert seen.pulls[0].run == "big-1b"
    assert seen.pulls[0].leverage > 0.85
    assert seen.leverage[10] == seen.pulls[0].leverage
    assert seen.pulls[0].moves < -0.02
    if not seen.outliers:
        assert any("hangs on big-1b: without it, it is" in said and "lower" in said for said in seen.sentences())


def test_a_run_that_nothing_checks_is_named_though_removing_it_would_move_little() -> None:
    n = np.append(np.repeat([1e7, 2e7], 8), 1e9)
    d = np.append(np.tile(np.geomspace(2e8, 2e10, 8), 2), 2e10)
    loss = 30 * n**-0.08 * d**-0.07 * np.exp(1e-4 * np.random.default_rng(0).standard_normal(17))
    runs = run_table(n_params=n, n_tokens=d, loss=loss)
    seen = diagnose(runs, laws.fit(runs, "power"))
    assert max(run.leverage for run in seen.pulls) == max(seen.leverage)
    assert any(said.startswith("the law passes through run-17 almost whatever its loss") for said in seen.sentences())


def test_a_fit_with_fixed_parameters_or_a_floor_at_zero_has_moves_too() -> None:
    runs = lab(25, seed=0)
    flat = replace(runs, loss=30 * runs.n_params**-0.08 * runs.n_tokens**-0.07)
    for fit, table in ((laws.fit(runs, "chinchilla", fix={"E": 1.8}), runs), (laws.fit(flat, "power+E"), flat)):
        moves = moves_without(table, fit)
        assert np.isfinite(moves).all()
        assert np.abs(moves).max() < 0.05
