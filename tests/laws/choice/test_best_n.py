"""The best N and D that several laws tell together: near the true one, with intervals that hold it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import Assessment, RunTable, run_table
from scalelab.laws.choice.assessment import best_split
from scalelab.laws.intervals.split import log_n_se

from ..simulated import TRUTH, chinchilla_loss, grid, lab

COUPLED = {"E": 1.5, "a": 0.5, "b": 0.55, "kappa": 0.6}


def coupled_loss(n: np.ndarray, d: np.ndarray) -> np.ndarray:
    """A truth whose terms are coupled; as large as chinchilla's in the middle of the grid."""
    terms = (1e8 / n) ** COUPLED["a"] + (2e9 / d) ** COUPLED["b"]
    return COUPLED["E"] + 0.9 * terms ** COUPLED["kappa"]


def true_best(loss: object, flops: float) -> float:
    """Ln of the N at which a truth is lowest."""
    assert callable(loss)
    n = np.geomspace(1e7, 1e12, 20_001)
    return float(np.log(n[loss(n, flops / (6 * n)).argmin()]))


def coupled_lab(n_runs: int, seed: int) -> RunTable:
    n, d = grid(n_runs)
    scatter = np.exp(0.005 * np.random.default_rng(seed).standard_normal(len(n)))
    return run_table(n_params=n, n_tokens=d, loss=coupled_loss(n, d) * scatter)


@pytest.mark.parametrize("n_runs", [16, 48])
def test_best_n_of_a_truth_among_the_laws_is_found_and_held(n_runs: int) -> None:
    apart, inside = [], []
    for seed in range(10):
        for loss, runs in ((coupled_loss, coupled_lab(n_runs, seed)), (chinchilla_loss, lab(n_runs, seed))):
            seen = laws.assess(runs)
            best = seen.optimum
            assert best is not None
            assert best.n_low is not None
            assert best.n_high is not None
            truth = true_best(loss, best.flops)
            apart.append(np.log(best.n_params) - truth)
            inside.append(best.n_low <= np.exp(truth) <= best.n_high)
    assert abs(np.mean(apart)) < 0.25  # the minimum of the mean of the laws is .4 too high
    assert np.mean(inside) >= 0.8


def test_what_the_split_costs_against_the_true_best_is_little() -> None:
    lost = []
    for seed in range(12):
        seen = laws.assess(coupled_lab(25, seed))
        best = seen.optimum
        assert best is not None
        n = np.exp(true_best(coupled_loss, best.flops))
        there, true = (float(coupled_loss(np.array(at), best.flops / 6 / np.array(at))) for at in (best.n_params, n))
        lost.append(there / true - 1)
    assert min(lost) > -1e-6
    assert np.mean(lost) < 0.001
    assert max(lost) < 0.005


def test_interval_of_d_is_that_of_n_at_the_same_compute() -> None:
    best = laws.assess(lab(25)).frontier(1e21)
    assert best.n_low is not None
    assert best.n_high is not None
    assert best.n_low < best.n_params < best.n_high
    assert best.d_low == pytest.approx(1e21 / 6 / best.n_high)
    assert best.d_high == pytest.approx(1e21 / 6 / best.n_low)


def test_interval_of_n_widens_with_noise_and_with_distance() -> None:
    def ratio(noise: float, flops: float) -> float:
        best = laws.assess(lab(48, seed=3, noise=noise), laws=("chinchilla",)).frontier(flops)
        assert best.n_low is not None
        assert best.n_high is not None
        return float(np.log(best.n_high / best.n_low))

    assert ratio(0.002, 1e20) < ratio(0.01, 1e20)
    assert ratio(0.005, 1e20) < ratio(0.005, 1e22)


def test_without_a_best_split_there_is_no_interval() -> None:
    best = laws.assess(lab(25), laws=("power",)).frontier(1e21)
    assert not best.interior
    assert (best.n_low, best.n_high, best.d_low, best.d_high) == (None, None, None, None)


@pytest.mark.parametrize("law", ["chinchilla", "chinchilla-tied", "coupled", "kaplan", "kaplan+E"])
def test_one_laws_interval_is_that_of_solved_optima(law: str) -> None:
    # laws.optimum_interval solves the optimum anew for each nudged parameter.
    fit = laws.fit(lab(48, seed=2), law)
    told, solved = laws.frontier(fit, 1e21), laws.optimum_interval(fit, 1e21).n_params
    assert told.n_params == pytest.approx(solved.value, rel=1e-4)
    assert told.n_low == pytest.approx(solved.low, rel=1e-3)
    assert told.n_high == pytest.approx(solved.high, rel=1e-3)


def test_a_flops_table_moves_the_interval_with_the_split() -> None:
    seen = laws.assess(lab(25))
    table = [(1e7, 6e7 * 1.5), (1e8, 6e8 * 1.2), (1e9, 6e9 * 1.05)]
    plain, heavy = seen.frontier(1e20), seen.frontier(1e20, table)
    assert heavy.n_params * heavy.n_tokens < plain.n_params * plain.n_tokens
    assert heavy.d_low is not None
    assert heavy.n_high is not None
    per_token = laws.flops.flops_per_token(table)(np.array([heavy.n_high]))[0]
    assert heavy.d_low == pytest.approx(1e20 / per_token)


def test_where_the_loss_has_no_lowest_n_the_error_is_without_end() -> None:
    form = laws.fit(lab(25), "power")
    assert log_n_se(form.form, np.array(form.theta), np.array(form.covariance), 1e9, 1e21, None) == np.inf


def test_best_n_stays_with_the_laws_that_have_one() -> None:
    seen = laws.assess(lab(25, seed=1, noise=0.02))
    assert seen.panel is not None
    edge = replace(seen.panel.members[0], law="power", theta=(3.0, -0.07, -0.05), covariance=((0.0,) * 3,) * 3)
    panel = replace(seen.panel, members=(*seen.panel.members, edge))
    assert best_split(replace(seen, panel=panel), 1e21) == best_split(seen, 1e21)
    only = replace(seen.panel, members=(edge, edge, seen.panel.members[1]))
    assert not best_split(replace(seen, panel=only), 1e21)[2]


def test_the_record_keeps_the_interval_in_json() -> None:
    seen = laws.assess(lab(16))
    assert seen.optimum is not None
    assert seen.optimum.n_low is not None
    assert Assessment.from_json(seen.to_json()).optimum == seen.optimum
    assert TRUTH["alpha"] != TRUTH["beta"]  # else every split would be the same
