"""Odd curves: refused in words, or a forecast that JSON can hold and whose ends are in order."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.laws.curves import CurveForecast, forecast

from .simulated import schedule, simulate

KINDS = st.sampled_from(["wsd", "cosine", "constant"])
SPOILS = st.sampled_from(
    ["none", "nan", "all nan", "inf", "spike", "flat", "rising", "huge", "tiny", "zero", "negative"]
)


def spoilt(losses: np.ndarray, how: str, seed: int) -> np.ndarray:
    """A curve's losses with something wrong."""
    some = np.random.default_rng(seed).random(len(losses)) < 0.3
    return {
        "none": losses, "nan": np.where(some, np.nan, losses), "all nan": np.full(len(losses), np.nan),
        "inf": np.where(some, np.inf, losses), "spike": np.where(some, 50 * losses, losses),
        "flat": np.full(len(losses), 3.0), "rising": losses[::-1], "huge": 1e300 * losses, "tiny": 1e-300 * losses,
        "zero": np.zeros(len(losses)), "negative": -losses,
    }[how]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1000), kind=KINDS, share=st.floats(0.0, 1.0), how=SPOILS, held=st.booleans())
def test_any_curve_has_an_answer_that_json_can_hold(seed: int, kind: str, share: float, how: str, held: bool) -> None:
    truth = simulate(seed % 20, kind)
    steps, losses = truth.seen(share)
    losses = spoilt(losses, how, seed)
    beside = (steps[::20], losses[::20]) if held else None
    try:
        told = forecast(steps, losses, truth.rates, until=len(truth.rates), held_out=beside)
    except BadInput as refused:
        assert str(refused)
        return
    assert CurveForecast.from_json(told.to_json()) == told
    json.dumps(told.to_dict(), allow_nan=False)
    assert told.reason
    if told.loss is not None:
        assert told.low is not None
        assert told.high is not None
        assert told.low <= told.loss <= told.high


@settings(max_examples=30, deadline=None)
@given(
    rates=st.sampled_from([[], [0.0], [0.0] * 50, [np.nan] * 50, [-0.1] * 50, [np.inf] * 50, [1e-300] * 50, [0.01]]),
    until=st.sampled_from([0.0, -5.0, np.nan, np.inf, 1.0, 2000.0]),
)
def test_any_schedule_is_refused_in_words_or_used(rates: list[float], until: float) -> None:
    steps, losses = simulate(1).seen(0.5)
    try:
        told = forecast(steps, losses, rates, until=until)
    except BadInput as refused:
        assert str(refused)
        return
    json.dumps(told.to_dict(), allow_nan=False)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_of_the_rate_does_not_matter(scale: float) -> None:
    truth = simulate(3)
    steps, losses = truth.seen(0.9)
    one, two = (forecast(steps, losses, by * truth.rates, until=2000) for by in (1.0, scale))
    assert one.loss == pytest.approx(two.loss, rel=1e-6)
    assert one.high == pytest.approx(two.high, rel=1e-6)


def test_tokens_serve_as_well_as_steps() -> None:
    truth = simulate(4)
    steps, losses = truth.seen(0.9)
    one = forecast(steps, losses, truth.rates, until=2000)
    two = forecast(4096 * steps, losses, truth.rates, until=4096 * 2000)
    assert (one.loss, one.low, one.high) == pytest.approx((two.loss, two.low, two.high), rel=1e-3)


def test_a_higher_level_is_a_wider_interval_and_more_of_the_run_a_narrower_one() -> None:
    truth = simulate(5, "cosine")
    halves = {}
    for share in (0.6, 0.95):
        for level in (0.8, 0.95):
            told = forecast(*truth.seen(share), truth.rates, until=2000, level=level)
            assert told.half is not None
            halves[share, level] = told.half
    assert halves[0.6, 0.8] < halves[0.6, 0.95]
    assert halves[0.95, 0.8] < halves[0.95, 0.95]
    assert halves[0.95, 0.95] < halves[0.6, 0.95]


def test_a_rate_for_every_second_step_is_nearly_as_good() -> None:
    truth = simulate(6)
    steps, losses = truth.seen(0.9)
    fine, coarse = (forecast(steps, losses, rates, until=2000) for rates in (truth.rates, schedule("wsd", 2000)[::2]))
    assert coarse.loss == pytest.approx(fine.loss, rel=2e-3)
