"""Parameters that the caller gives: they stay, they do not count, and what cannot be fixed is refused in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import Fit, run_table
from scalelab.laws.forms import ALL, Form
from scalelab.laws.forms.kaplan import KAPLAN

from ..simulated import TRUTH, grid, lab
from .truths import table_of

PUBLISHED = {
    "E": np.exp(0.6254804),
    "A": np.exp(6.255414),
    "B": np.exp(7.3049974),
    "alpha": 0.3526596,
    "beta": 0.3526596,
}


def test_muennighoff_beats_the_published_point_and_reports_its_basin(shared_data: Path) -> None:
    runs = laws.read_runs(shared_data / "muennighoff.csv")
    fit = laws.fit(runs, "data-constrained", "hoffmann", fix=PUBLISHED)
    assert fit.n_runs == 182
    assert fit.objective_value <= 0.0158048
    assert fit.second_objective == pytest.approx(0.01582593207, abs=2e-10)
    assert fit.second_theta is not None
    np.testing.assert_allclose(np.exp(fit.second_theta[5:]), [15.3718, 5.3151], rtol=2e-4)
    assert (fit.n_free, fit.dof, fit.fixed) == (2, 180, ("E", "A", "B", "alpha", "beta"))


def test_objective_at_the_published_point_is_the_published_one(shared_data: Path) -> None:
    runs = laws.read_runs(shared_data / "muennighoff.csv")
    everything = PUBLISHED | {"R_D*": 15.387756, "R_N*": 5.309743}
    fit = laws.fit(runs, "data-constrained", "hoffmann", fix=everything)
    assert fit.objective_value == pytest.approx(0.015825936570763588, rel=1e-6)  # printed from float32
    assert fit.n_free == 0


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_each_number_can_be_fixed_at_its_truth(form: Form) -> None:
    runs, truth = table_of(form, noise=0.003)
    free = laws.fit(runs, form.name)
    for item in form.reported:
        if len(item.needs) > 1:
            continue
        value = float(np.exp(truth[item.needs[0]]) if item.log else truth[item.needs[0]])
        fit = laws.fit(runs, form.name, fix={item.name: value})
        estimate = fit.estimate(item.name)
        assert (estimate.low, estimate.value, estimate.high, estimate.se) == (value, value, value, 0.0)
        assert estimate.fixed and not estimate.at_bound
        assert fit.theta[item.needs[0]] == truth[item.needs[0]]
        assert fit.fixed == (item.name,)
        assert (fit.n_free, fit.dof) == (free.n_free - 1, free.dof + 1)
        assert not np.array(fit.covariance)[item.needs[0]].any()
        assert fit.condition <= free.condition * 1.05
        assert Fit.from_json(fit.to_json()) == fit


def test_what_is_fixed_at_the_optimum_leaves_the_rest_there() -> None:
    runs = lab(25, seed=3)
    free = laws.fit(runs, "chinchilla", "hoffmann")
    fit = laws.fit(runs, "chinchilla", "hoffmann", fix={"E": free.params["E"], "beta": free.params["beta"]})
    assert fit.objective_value == pytest.approx(free.objective_value, rel=1e-9)
    np.testing.assert_allclose(fit.theta, free.theta, rtol=1e-5)
    assert fit.estimate("alpha").se < free.estimate("alpha").se


def test_a_fixed_slope_of_the_power_law_is_least_squares_on_the_rest() -> None:
    runs = lab(16, seed=2)
    columns = np.column_stack([np.ones(16), np.log(runs.n_tokens)])
    expected = np.linalg.lstsq(columns, np.log(runs.loss) + 0.07 * np.log(runs.n_params), rcond=None)[0]
    fit = laws.fit(runs, "power", fix={"alpha": -0.07})
    np.testing.assert_allclose(fit.theta, [expected[0], -0.07, expected[1]], rtol=1e-10)


def test_eight_runs_suffice_for_chinchilla_with_two_fixed() -> None:
    runs = lab(9, seed=1).take(np.arange(6))
    with pytest.raises(BadInput, match="5 parameters and there are 6 runs"):
        laws.fit(runs)
    fit = laws.fit(runs, fix={"E": TRUTH["E"], "beta": TRUTH["beta"]})
    assert (fit.n_free, fit.dof) == (3, 3)


@pytest.mark.parametrize(
    ("law", "fix", "words"),
    [
        ("chinchilla", {"alhpa": 0.3}, "has no 'alhpa' to fix .*E, A, B, alpha, beta.*did you mean alpha"),
        ("kaplan", {"N_c": 1e13}, "N_c of kaplan is made of several fitted parameters .*allowed: D_c, alpha_D"),
        ("chinchilla", {"E": 0.0}, r"E of chinchilla is fixed at 0 \(allowed: 0.000\d+ to "),
        ("chinchilla", {"E": 99.0}, "E of chinchilla is fixed at 99 "),
        ("chinchilla", {"alpha": -0.3}, "alpha of chinchilla is fixed at -0.3 .*allowed: 0.005 to 10"),
        ("chinchilla", {"A": -4.0}, "A of chinchilla is fixed at -4 "),
        ("chinchilla", {"beta": float("nan")}, "beta of chinchilla is fixed at nan "),
    ],
)
def test_what_cannot_be_fixed_is_refused_in_words(law: str, fix: dict[str, float], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        laws.fit(lab(16), law, fix=fix)


def test_hold_outs_keep_what_is_fixed() -> None:
    runs = lab(25, seed=6)
    free = laws.hold_out(runs, "chinchilla")
    held = laws.hold_out(runs, "chinchilla", fix={"E": TRUTH["E"], "alpha": TRUTH["alpha"]})
    rest = runs.take(np.arange(24))
    by_hand = laws.fit(rest, fix={"E": TRUTH["E"], "alpha": TRUTH["alpha"]}).loss(runs.n_params[24], runs.n_tokens[24])
    assert held.predicted[0] == pytest.approx(float(by_hand), rel=1e-6)
    assert held.predicted != free.predicted


def test_bounds_of_a_fit_leave_what_is_fixed_no_room() -> None:
    fit = laws.fit(lab(16), fix={"alpha": 0.35})
    lower, upper = fit.bounds(lab(16).loss)
    assert lower[3] == upper[3] == 0.35
    assert (lower[[0, 1, 2, 4]] < upper[[0, 1, 2, 4]]).all()


def test_kaplans_composite_follows_what_is_fixed() -> None:
    runs, _ = table_of(KAPLAN, noise=0.002)
    fit = laws.fit(runs, "kaplan", fix={"alpha_D": 0.09})
    assert fit.estimate("alpha_D").fixed and not fit.estimate("alpha_N").fixed
    assert fit.estimate("alpha_N").value == pytest.approx(fit.theta[2] * 0.09, rel=1e-12)
    assert fit.estimate("alpha_N").se > 0


def test_runs_without_repetition_are_refused_by_the_law_of_repetition() -> None:
    n, d = grid(25)
    loss = lab(25).loss
    with pytest.raises(BadInput, match="needs unique_tokens of every run"):
        laws.fit(lab(25), "data-constrained")
    with pytest.raises(BadInput, match="no run repeats its tokens: what repetition costs cannot be seen"):
        laws.fit(run_table(n_params=n, n_tokens=d, loss=loss, unique_tokens=d), "data-constrained")
    few = np.where(np.arange(25) < 2, d / 4, d)
    with pytest.raises(BadInput, match="only 2 of the runs repeat"):
        laws.fit(run_table(n_params=n, n_tokens=d, loss=loss, unique_tokens=few), "data-constrained")
