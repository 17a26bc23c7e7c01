"""One wrong run and what it does to what is predicted."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import RunTable, run_table
from scalelab.laws.choice import wrong
from scalelab.laws.choice.backtest import trust
from scalelab.laws.choice.statement import statement
from scalelab.laws.diagnose.outliers import find
from scalelab.laws.diagnose.tangent import tangent_of
from scalelab.laws.fits import Fit
from scalelab.laws.fitting.fitter import fit_each
from tests.benchmarks.robustness import spoilt, which

from ..intervals.labs import truth
from ..simulated import chinchilla_loss, lab

FAR = (3.2e9, 6.3e10)
PLAIN = ("chinchilla-tied", "chinchilla", "kaplan+E", "coupled")


def fitted(runs: RunTable) -> list[Fit]:
    return [each for each in fit_each(runs, PLAIN).values() if isinstance(each, Fit)]


@pytest.mark.parametrize("off", [0.1, 0.5])
def test_one_wrong_run_hardly_moves_what_is_predicted_at_ten_times_the_compute(off: float) -> None:
    moves = []
    for seed in range(6):
        runs = lab(25, seed=seed, noise=0.003)
        before = laws.assess(runs).predict(*FAR).loss
        after = laws.assess(spoilt(runs, int(np.random.default_rng(seed).integers(25)), off))
        moves.append(abs(after.predict(*FAR).loss / before - 1))
    assert np.median(moves) < 0.002
    assert max(moves) < 0.008


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize(("n_runs", "off"), [(16, 0.1), (16, 0.5), (25, -0.1), (48, 0.1)])
def test_what_predicts_is_the_lab_without_the_wrong_run(n_runs: int, off: float, largest: bool) -> None:
    for seed in (1, 2):
        law = truth(n_runs, seed)
        runs = law.lab(seed)
        one = which(runs, seed, largest=largest)
        with_it, without = laws.assess(spoilt(runs, one, off)), laws.assess(runs.take(np.arange(n_runs) != one))
        assert with_it.set_aside == (runs.run_id[one],)
        told, expected = with_it.predict(*law.tenfold), without.predict(*law.tenfold)
        for part in ("loss", "low", "high", "parameters", "forms", "held_back"):
            assert getattr(told, part) == pytest.approx(getattr(expected, part), rel=1e-9)
        assert with_it.hold_outs and with_it.optimum is not None
        assert not any(runs.run_id[one] in check.left_out for check in with_it.hold_outs)


def test_a_run_of_a_clean_table_is_kept() -> None:
    for n_runs in (9, 16, 25, 48):
        for seed in range(12):
            runs = truth(n_runs, seed).lab(seed)
            assert not wrong.wrong_runs(fitted(runs), runs).any()


def test_a_cheap_run_that_shows_where_a_law_ends_is_not_called_wrong() -> None:
    """Losses fall below any law towards the cheapest runs, evenly: the law is wrong there, and one run shows it."""
    n, d = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 1e9, 6), np.geomspace(2e8, 2e10, 6)))
    along = (np.log(n * d) - np.log(n * d).min()) / np.ptp(np.log(n * d))
    accused = 0
    for seed in range(4):
        noise = 0.004 * np.random.default_rng(seed).standard_normal(len(n))
        loss = chinchilla_loss(n, d) * np.exp(noise - 0.05 * np.exp(-along / 0.12))
        runs = run_table(n_params=n, n_tokens=d, loss=loss)
        fits = fitted(runs)
        accused += any(find(tangent_of(runs, fit), wrong.LEVEL)[0] for fit in fits)
        assert not wrong.wrong_runs(fits, runs).any()
    assert accused >= 3  # by a law alone it would have been


def test_a_run_of_repeated_data_is_not_called_wrong() -> None:
    runs = spoilt(lab(25, seed=1, noise=0.003), 20, 0.1)
    assert laws.assess(runs).set_aside == ("run-21",)
    unique = np.full(25, 1e12)
    assert laws.assess(replace(runs, unique_tokens=unique)).set_aside == ("run-21",)
    unique[20] = runs.n_tokens[20] / 8
    assert laws.assess(replace(runs, unique_tokens=unique)).set_aside == ()


def test_two_wrong_runs_are_set_aside_and_not_half_a_table() -> None:
    runs = lab(48, seed=3, noise=0.003)
    two = spoilt(spoilt(runs, 5, 0.1), 40, -0.2)
    assert laws.assess(two).set_aside == ("run-6", "run-41")
    many = two
    for index in (10, 20, 30):
        many = spoilt(many, index, 0.1)
    assert laws.assess(many).set_aside == ()


def test_numbers_that_were_fixed_stay_fixed_without_the_wrong_run() -> None:
    runs = spoilt(lab(25, seed=2, noise=0.003), 24, 0.1)
    wanted = {"fix": {"E": 1.8}, "laws": ("chinchilla", "coupled")}
    seen = laws.assess(runs, **wanted)
    assert seen.set_aside == ("run-25",)
    without = laws.assess(runs.take(np.arange(24)), **wanted)
    assert seen.predict(*FAR).loss == pytest.approx(without.predict(*FAR).loss, rel=1e-9)
    assert all(member.theta[0] == pytest.approx(1.8) for member in seen.panel.members)


def test_what_was_set_aside_is_said_and_kept() -> None:
    seen = laws.assess(spoilt(lab(25, seed=1, noise=0.003), 24, 0.5))
    assert [item.run for item in seen.diagnosis.outliers] == ["run-25"]
    assert any("without run-25, which the other runs contradict" in line for line in seen.verdicts)
    assert "without run-25" in statement(seen)
    assert laws.Assessment.from_json(seen.to_json()) == seen
    older = json.loads(seen.to_json())
    del older["set_aside"]
    assert laws.Assessment.from_dict(older).set_aside == ()


def test_a_table_that_has_nothing_without_the_run_keeps_it() -> None:
    runs = lab(9, seed=1)
    fits = fitted(runs)
    gone = np.arange(9) > 3
    kept, rest = wrong.without(fits, gone, runs)
    assert rest is runs
    assert kept == tuple(fits)


def test_trust_falls_from_whole_to_none() -> None:
    np.testing.assert_allclose(trust(np.array([0.0, 8.0, 12.0, 16.0, 1e9])), [1, 1, 0.5, 0, 0])
