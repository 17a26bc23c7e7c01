"""What is held back, by how much it is missed, and what the misses are worth together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws.choice.backtest import BackTest, cuts, enough_of, held_miss, leaning, mean_miss
from scalelab.laws.choice.holdout import Held
from scalelab.laws.choice.panel import Member

from ..simulated import chinchilla_loss, lab

MEMBER = Member(law="power", theta=(0.0, 0.0, 0.0), covariance=((0.0,) * 3,) * 3)


def missed(*rows: tuple[list[int], list[float]], n: int = 10) -> BackTest:
    """A back-test that missed the runs at these indices by this much."""
    masks = tuple(np.isin(np.arange(n), out) for out, _ in rows)
    return BackTest(member=MEMBER, cuts=masks, misses=tuple(np.array(miss) for _, miss in rows), held={})


def test_a_cut_holds_back_the_most_expensive_and_leaves_what_a_law_needs() -> None:
    runs = lab(48)
    for mask in cuts(runs, 8):
        assert runs.compute[mask].min() >= runs.compute[~mask].max() * (1 - 1e-9)
    assert [int(mask.sum()) for mask in cuts(runs, 8)] == [5, 10, 14, 19]
    assert [int(mask.sum()) for mask in cuts(runs, 40)] == [5]
    assert cuts(runs, 48) == []


def test_errors_of_a_law_are_means_over_cuts_and_not_over_runs() -> None:
    test = missed(([9], [0.1]), ([6, 7, 8, 9], [0.0, 0.0, 0.0, 0.2]))
    assert test.error == pytest.approx((0.1 + 0.05) / 2)
    assert test.rms == pytest.approx(np.sqrt((0.01 + 0.01) / 2))
    assert missed().error is None
    assert missed().rms is None


def test_laws_that_err_to_both_sides_miss_less_together() -> None:
    high, low = missed(([8, 9], [0.02, 0.02])), missed(([8, 9], [-0.02, -0.01]))
    assert mean_miss([high]) == pytest.approx(1.4826 * 0.02)
    assert mean_miss([high, low]) == pytest.approx(1.4826 * 0.0025)
    assert mean_miss([missed()]) is None


def test_misses_of_different_runs_are_never_averaged() -> None:
    # Cuts of one law each, as many runs but not the same: where runs of no weight left both.
    one, other = missed(([8, 9], [0.02, 0.02])), missed(([6, 7], [-0.02, -0.02]))
    assert mean_miss([one, other]) == pytest.approx(1.4826 * 0.02)


def test_one_odd_run_does_not_make_the_typical_miss() -> None:
    even = missed(([5, 6, 7, 8, 9], [0.01, -0.01, 0.01, -0.01, 0.01]))
    odd = missed(([5, 6, 7, 8, 9], [0.01, -0.01, 0.01, -0.01, 0.5]))
    assert mean_miss([odd]) == mean_miss([even])


def test_a_law_that_could_not_do_without_a_run_is_not_asked_about_it() -> None:
    mask = np.isin(np.arange(10), [9])
    able = replace(missed(), held={Held.LARGEST_RUN: (mask, np.array([0.03]))})
    found = held_miss([missed(), able], Held.LARGEST_RUN)
    assert found is not None
    np.testing.assert_array_equal(found[0], mask)
    np.testing.assert_array_equal(found[1], [0.03])
    assert held_miss([missed()], Held.LARGEST_RUN) is None


def test_weights_lean_to_the_expensive_and_keep_those_given() -> None:
    runs = lab(9)
    weight = leaning(runs)
    assert weight.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(weight / weight[0], np.sqrt(runs.compute / runs.compute[0]))
    given = np.linspace(1, 3, 9)
    share = leaning(replace(runs, weight=given)) / (weight * given)
    np.testing.assert_allclose(share, share[0])


def test_half_width_at_nine_runs_is_not_that_of_the_law_with_the_fewest_spare() -> None:
    half = []
    for seed in range(10):
        seen = laws.assess(lab(9, seed=seed))
        told = seen.predict(3e9, 6e10)
        half.append(np.log(told.high / told.low) / 2)
        assert seen.panel is not None
        own = {fit.law: fit.t_quantile for fit in seen.fits}
        seats = [own[member.law] for member in seen.panel.members]
        assert seen.panel.t_quantile == pytest.approx(np.median(seats))
        assert min(seats) <= seen.panel.t_quantile <= max(seats)
    assert np.median(half) < 0.11


def test_long_tables_are_tested_on_runs_from_the_cheapest_to_the_most_expensive() -> None:
    rng = np.random.default_rng(0)
    n, d = 10 ** rng.uniform(7, 9, 9_000), 10 ** rng.uniform(8, 10, 9_000)
    runs = laws.run_table(
        n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * np.exp(0.003 * rng.standard_normal(9_000))
    )
    some = enough_of(runs)
    assert len(some) == 4_096 == len(set(some.tolist()))
    assert {int(runs.compute.argmin()), int(runs.compute.argmax())} <= set(some.tolist())
    seen = laws.assess(runs)
    assert seen.n_runs == 9_000
    assert {item.n_fitted for item in seen.hold_outs if item.held == "largest-run"} == {4_095}
    assert seen.predict(3e9, 3e10).loss == pytest.approx(float(chinchilla_loss(3e9, 3e10)), rel=0.01)
