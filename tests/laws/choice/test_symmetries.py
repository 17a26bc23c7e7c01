"""Changes that must not matter to an assessment, and what must hold of its predictions whatever the runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.laws import Assessment, RunTable, run_table
from scalelab.laws.choice.backtest import by_cost, cuts
from scalelab.laws.choice.holdout import Held, held_masks

from ..simulated import chinchilla_loss, lab

SEEDS = st.integers(0, 2**32 - 1)
POINTS = ((3e8, 3e9), (2e9, 4e10), (1e10, 3e11))


def told(seen: Assessment, size: float = 1.0, tokens: float = 1.0) -> np.ndarray:
    """(loss, low, high) at runs' size and beyond, in the units of the runs: (points, 3)."""
    found = [seen.predict(n / size, d / tokens) for n, d in POINTS]
    return np.array([(each.loss, each.low, each.high) for each in found])


def scattered(n_runs: int, seed: int, noise: float = 0.004) -> RunTable:
    """Runs of any N and D, no two of one compute."""
    rng = np.random.default_rng(seed)
    n, d = 10 ** rng.uniform(7, 9, n_runs), 10 ** rng.uniform(8.3, 10.3, n_runs)
    return run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * np.exp(noise * rng.standard_normal(n_runs)))


@pytest.mark.parametrize("n_runs", [9, 16, 25, 48])
def test_millions_billions_and_bits_say_the_same(n_runs: int) -> None:
    runs = lab(n_runs, seed=n_runs)
    other = replace(
        runs, n_params=runs.n_params / 1e6, n_tokens=runs.n_tokens / 1e9, loss=runs.loss / np.log(2)
    )  # fmt: skip
    one, two = laws.assess(runs), laws.assess(other)
    assert (one.best, one.panel.refuted) == (two.best, two.panel.refuted)
    np.testing.assert_allclose(told(two, 1e6, 1e9) * np.log(2), told(one), rtol=1e-3)
    assert two.optimum.n_params * 1e6 == pytest.approx(one.optimum.n_params, rel=0.01)


@pytest.mark.parametrize("n_runs", [9, 16, 25, 48])
def test_order_of_runs_does_not_matter_though_many_cost_the_same(n_runs: int) -> None:
    runs = lab(n_runs, seed=n_runs + 1)
    shuffled = runs.take(np.random.default_rng(n_runs).permutation(n_runs))
    one, two = laws.assess(runs), laws.assess(shuffled)
    assert (one.best, one.panel.refuted) == (two.best, two.panel.refuted)
    np.testing.assert_allclose(told(two), told(one), rtol=1e-4)
    assert {item.left_out for item in one.hold_outs if item.held == "largest-run"} == {
        item.left_out for item in two.hold_outs if item.held == "largest-run"
    }


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, unit=st.floats(1e-9, 1e9))
def test_runs_of_one_cost_are_held_back_in_one_order_in_any_order_and_unit(seed: int, unit: float) -> None:
    runs = lab(25)
    order = np.random.default_rng(seed).permutation(25)
    other = replace(runs.take(order), n_params=runs.n_params[order] / unit, n_tokens=runs.n_tokens[order] / 7.0)
    assert [runs.run_id[i] for i in by_cost(runs)] == [other.run_id[i] for i in by_cost(other)]
    for mask, mixed in zip(cuts(runs, 8), cuts(other, 8), strict=True):
        assert set(np.array(runs.run_id)[mask]) == set(np.array(other.run_id)[mixed])
    largest, too = held_masks(runs, 8)[Held.LARGEST_RUN], held_masks(other, 8)[Held.LARGEST_RUN]
    assert np.array(runs.run_id)[largest] == np.array(other.run_id)[too]


def test_every_run_twice_says_the_same_more_surely() -> None:
    for seed in range(4):
        runs = scattered(20, seed)
        twice = runs.take(np.tile(np.arange(20), 2))
        one, two = (laws.assess(table, laws=("chinchilla-tied",)) for table in (runs, twice))
        np.testing.assert_allclose(told(two)[:, 0], told(one)[:, 0], rtol=5e-4)
        own, again = one.predict(*POINTS[1]), two.predict(*POINTS[1])
        # Twice the runs, and twice as many spare: between 1/√2 and that of 20 − 4 to 40 − 4 degrees of freedom.
        assert again.parameters / own.parameters == pytest.approx(np.sqrt(16 / 36), rel=0.06)
        assert again.high / again.low < own.high / own.low


def test_a_weight_of_two_is_a_run_listed_twice() -> None:
    runs = scattered(20, 5)
    weight = np.where(np.arange(20) % 3 == 0, 2.0, 1.0)
    listed = runs.take(np.repeat(np.arange(20), weight.astype(int)))
    for law in ("chinchilla-tied", "kaplan"):
        weighed, repeated = laws.fit(replace(runs, weight=weight), law), laws.fit(listed, law)
        np.testing.assert_allclose(weighed.theta, repeated.theta, rtol=0.02)
    np.testing.assert_allclose(
        told(laws.assess(replace(runs, weight=weight)))[:, 0], told(laws.assess(listed))[:, 0], rtol=3e-3
    )


def test_only_the_ratio_of_weights_counts() -> None:
    runs = scattered(25, 6)
    weight = np.random.default_rng(0).uniform(0.2, 5.0, 25)
    one, two = (laws.assess(replace(runs, weight=scale * weight)) for scale in (1.0, 1e-8))
    np.testing.assert_allclose(told(two), told(one), rtol=1e-6)
    plain, even = laws.assess(runs), laws.assess(replace(runs, weight=np.full(25, 3.0)))
    np.testing.assert_allclose(told(even), told(plain), rtol=1e-9)


def test_a_run_of_hardly_any_weight_is_hardly_there() -> None:
    runs = scattered(25, 7)
    loss = runs.loss.copy()
    loss[3] *= 1.03
    spoilt = replace(runs, loss=loss, weight=np.where(np.arange(25) == 3, 1e-6, 1.0))
    without = laws.assess(runs.take(np.arange(25) != 3))
    np.testing.assert_allclose(told(laws.assess(spoilt))[:, 0], told(without)[:, 0], rtol=4e-3)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, n_runs=st.sampled_from([9, 12, 16, 25]), noise=st.sampled_from([0.0, 0.003, 0.02]))
def test_more_parameters_or_tokens_never_promise_a_higher_loss(seed: int, n_runs: int, noise: float) -> None:
    runs = scattered(n_runs, seed, noise)
    seen = laws.assess(runs)
    n = np.geomspace(runs.n_params.min(), 100 * runs.n_params.max(), 30)
    d = np.geomspace(runs.n_tokens.min(), 100 * runs.n_tokens.max(), 30)
    loss = seen.loss(n[:, None], d[None, :])
    assert (np.diff(loss, axis=0) <= 1e-12).all()
    assert (np.diff(loss, axis=1) <= 1e-12).all()
    assert loss.min() > 0


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, n_runs=st.integers(7, 30))
def test_what_a_stored_assessment_says_is_what_was_said(seed: int, n_runs: int) -> None:
    seen = laws.assess(scattered(n_runs, seed))
    again = Assessment.from_json(seen.to_json())
    assert again == seen
    np.testing.assert_array_equal(told(again), told(seen))
    assert again.frontier(1e21) == seen.frontier(1e21)


@settings(max_examples=12, deadline=None)
@given(level=st.sampled_from([0.5, 0.8, 0.9, 0.99]), seed=SEEDS)
def test_a_higher_level_is_a_wider_interval(level: float, seed: int) -> None:
    runs = scattered(16, seed)
    narrow, wide = (laws.assess(runs, laws=("chinchilla-tied", "kaplan"), level=each) for each in (level, 0.995))
    for one, two in zip(told(narrow), told(wide), strict=True):
        assert two[1] < one[1] < one[0] < one[2] < two[2]
        assert one[0] == pytest.approx(two[0], rel=1e-9)
