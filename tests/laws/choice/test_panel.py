"""The laws that predict together: who sits there, what their mean is worth, and what repeated tokens are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab import laws
from scalelab.laws import run_table
from scalelab.laws.choice import statement
from scalelab.laws.choice.backtest import leaning
from scalelab.laws.choice.contest import PANEL
from scalelab.laws.choice.repeats import DECAY, fresh_equivalent, with_fresh_tokens

from ..simulated import grid, lab


def seats(runs: laws.RunTable) -> tuple[str, ...]:
    panel = laws.assess(runs).panel
    assert panel is not None
    return tuple(member.law for member in panel.members)


def test_the_mean_of_logs_predicts() -> None:
    seen = laws.assess(lab(25, seed=1, noise=0.02))
    assert seen.panel is not None
    told = seen.predict(1e10, 2e11)
    n, d = np.array([1e10]), np.array([2e11])
    logs = [member.log_loss(n, d, None)[0] for member in seen.panel.members]
    assert told.loss == pytest.approx(np.exp(np.mean(logs)))
    assert told.forms == pytest.approx(np.std(logs, ddof=1) / np.sqrt(2))
    np.testing.assert_allclose(seen.loss(np.array([[1e10], [1e9]]), np.array([2e11])).ravel()[0], told.loss)


def test_members_are_fits_that_lean_on_the_expensive_runs() -> None:
    runs = lab(25, seed=3, noise=0.01)
    seen = laws.assess(runs)
    assert seen.panel is not None
    for member in seen.panel.members:
        direct = laws.fit(replace(runs, weight=leaning(runs)), member.law)
        for n, d in ((1e8, 1e9), (1e9, 1e10), (5e9, 1e11)):
            here = np.exp(member.log_loss(np.array([n]), np.array([d]), None)[0])
            assert here == pytest.approx(float(direct.loss(n, d)), rel=4e-3)


def test_a_law_that_the_held_back_runs_refute_does_not_predict() -> None:
    clean = lab(48, seed=2, noise=0.001)
    assert "kaplan" not in seats(clean)
    assert "kaplan" in laws.assess(clean).panel.refuted
    noisy = [seats(lab(25, seed=seed, noise=0.03)) for seed in range(8)]
    assert sum("kaplan" in each for each in noisy) >= 6
    assert all(each == tuple(law for law in PANEL if law in each) for each in noisy)


def test_with_few_runs_those_sit_that_the_runs_allow() -> None:
    order = np.random.default_rng(5).permutation(25)
    runs = lab(25, seed=1, noise=0.02)
    assert seats(runs.take(order[:6])) == ("power",)
    assert set(seats(runs.take(order[:7]))) <= {"kaplan", "chinchilla-tied"}
    assert "coupled" in seats(runs.take(order[:9]))


def test_asked_for_one_law_that_one_predicts() -> None:
    runs = lab(25, seed=4)
    assert seats(runs) != ("chinchilla",)
    one = laws.assess(runs, laws=("chinchilla",))
    assert [member.law for member in one.panel.members] == ["chinchilla"]
    assert one.predict(1e10, 2e11).forms == 0.0


@given(st.floats(1e3, 1e12), st.floats(1e-3, 1e5))
def test_repeats_are_worth_less_than_fresh_tokens_and_more_than_none(unique: float, epochs: float) -> None:
    tokens = unique * epochs
    worth = float(fresh_equivalent(tokens, unique))
    if epochs <= 1:
        assert worth == pytest.approx(tokens, rel=1e-12)
    else:
        assert unique <= worth <= min(tokens, unique * (1 + DECAY)) * (1 + 1e-12)
    assert float(fresh_equivalent(2 * tokens, unique)) >= worth


def test_four_epochs_are_worth_nearly_as_much_as_fresh_ones() -> None:
    # Muennighoff et al. 2023, section 6: up to four epochs the loss is almost that of fresh data.
    assert 0.9 < float(fresh_equivalent(4e9, 1e9)) / 4e9 < 1.0
    assert float(fresh_equivalent(1e15, 1e9)) == pytest.approx(1e9 * (1 + DECAY))


def test_repetition_in_the_runs_is_allowed_for() -> None:
    n, d = grid(25)
    unique = np.full(25, 2e9)
    loss = 1.8 + 480 / n**0.35 + 2100 / fresh_equivalent(d, unique) ** 0.37
    blind, seeing = (
        run_table(n_params=n, n_tokens=d, loss=loss),
        run_table(n_params=n, n_tokens=d, loss=loss, unique_tokens=unique),
    )
    truth = 1.8 + 480 / 5e9**0.35 + 2100 / 2e11**0.37
    errors = [abs(laws.assess(runs).predict(5e9, 2e11).loss / truth - 1) for runs in (blind, seeing)]
    assert errors[1] < 0.01 < errors[0]
    told = laws.assess(seeing)
    assert told.predict(5e9, 2e11, 2e9).loss > told.predict(5e9, 2e11).loss
    assert with_fresh_tokens(blind) is blind


def test_public_tables_are_told_better_than_by_one_law(shared_data: Path) -> None:
    from tests.benchmarks.splits import outcome, splits

    found = [outcome(split) for split in splits()]
    assert len(found) == 16
    for average, most in ((np.median, 0.0148), (np.mean, 0.0148)):
        error = {law: float(average([each.errors[law] for each in found])) for law in found[0].errors}
        assert error["choice"] < most
        assert error["choice"] < min(error["chinchilla"], error["coupled"], error["kaplan+E"])
    inside = np.concatenate([each.inside for each in found])
    assert inside.mean() >= 0.93
    # What stands beside every prediction is what was counted here.
    fitted = [len(each.split.fitted) for each in found]
    assert (
        len(found), min(fitted), max(fitted), len(inside)
    ) == (statement.SPLITS, statement.FEWEST, statement.MOST, statement.HELD)  # fmt: skip
    assert pytest.approx(inside.mean(), abs=0.01) == statement.INSIDE
