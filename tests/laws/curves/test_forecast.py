"""Forecasts of simulated curves: coverage, what helps, odd input, and what they do not depend on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.laws.curves import MEMORIES, Believed, Curve, CurveForecast, Outlook, annealing_seen, forecast
from scalelab.laws.curves.forecast import forecast_curve
from tests.laws.curves.simulated import Truth, schedule, simulate

SHARES = (0.3, 0.5, 0.7, 0.9)
RUNS = 48


def told(truth: Truth, share: float, **options: object) -> CurveForecast:
    """The forecast of a simulated run from its first part."""
    return forecast(*truth.seen(share), truth.rates, until=len(truth.rates), **options)  # type: ignore[arg-type]


def inside(found: CurveForecast, end: float) -> bool:
    assert found.low is not None and found.high is not None
    return found.low <= end <= found.high


@pytest.mark.parametrize("kind", ["wsd", "cosine"])
@pytest.mark.parametrize("share", SHARES)
def test_the_interval_covers_the_end(kind: str, share: float) -> None:
    runs = [simulate(seed, kind) for seed in range(RUNS)]
    covered = sum(inside(told(run, share), run.end) for run in runs) / RUNS
    print(f"{kind} at {share:.0%}: {covered:.1%} of {RUNS} inside the 95 % interval")
    assert covered >= 0.93


@pytest.mark.parametrize("kind", ["wsd", "cosine"])
def test_the_forecast_nears_the_end_as_more_is_seen(kind: str) -> None:
    found = [[told(simulate(seed, kind), share) for seed in range(20)] for share in (0.3, 0.6, 0.95)]
    halves = [float(np.median([each.half for each in row if each.half is not None])) for row in found]
    assert halves[0] > halves[1] > halves[2]
    ends = [simulate(seed, kind).end for seed in range(20)]
    errors = [abs((each.loss or 0.0) / end - 1) for each, end in zip(found[2], ends, strict=True)]
    assert float(np.median(errors)) < 0.005
    assert sum(each.believed for each in found[2]) >= 15


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_noise_that_neighbours_share_counts_for_less(rho: float) -> None:
    effective = [told(simulate(seed, "constant", rho=rho), 0.6).effective or 0.0 for seed in range(12)]
    n_losses = told(simulate(0, "constant"), 0.6).n_losses
    assert (np.median(effective) > 0.7 * n_losses) if rho == 0.0 else (np.median(effective) < 0.3 * n_losses)


def test_a_constant_rate_has_no_annealing_to_wait_for() -> None:
    truth = simulate(3, "constant")
    found = told(truth, 0.6)
    assert found.annealing is Outlook.NONE and found.gain == pytest.approx(0.0, abs=1e-9)
    assert inside(found, truth.end)
    assert found.half is not None and found.half < 0.03 * truth.end


def test_other_runs_say_what_annealing_gives() -> None:
    """Five finished runs of one law and other floors, beside one that stands before its cooldown."""
    truths = [_same_annealing(floor) for floor in (1.8, 2.0, 2.2, 2.4, 2.6)]
    families = [[Curve.of(t.steps, t.losses, t.rates, until=len(t.rates))] for t in truths]
    prior = annealing_seen(families, MEMORIES * 2000)
    target = _same_annealing(3.0)
    alone, helped = told(target, 0.75), told(target, 0.75, prior=prior)
    assert (alone.annealing, helped.annealing) == (Outlook.ASSUMED, Outlook.OTHERS)
    assert inside(helped, target.end)
    assert helped.half is not None and alone.half is not None and helped.half < 0.85 * alone.half
    assert abs((helped.loss or 0.0) - target.end) < abs((alone.loss or 0.0) - target.end)
    assert annealing_seen([], MEMORIES) is None


def _same_annealing(floor: float) -> Truth:
    from scalelab.laws.curves import annealing_area, area

    rates = schedule("wsd", 2000)
    s1, s2 = area(rates / rates.max()), annealing_area(rates / rates.max(), 60.0)
    clean = floor + 12.0 * s1**-0.4 - 0.2 * s2 / s2[-1]
    steps = np.arange(10, 2001, 10)
    noise = 0.01 * np.random.default_rng(int(10 * floor)).standard_normal(len(steps))
    return Truth(steps.astype(float), clean[steps - 1] + noise, rates, clean)


def test_held_out_losses_carry_the_forecast_to_the_held_out_set() -> None:
    truth = simulate(5, "cosine")
    at = np.array([400, 800, 1200, 1600])
    with_gap = told(truth, 0.8, held_out=(at, truth.clean[at - 1] + 0.2))
    without = told(truth, 0.8)
    assert with_gap.held_out and not without.held_out
    assert inside(with_gap, truth.end + 0.2)
    assert (with_gap.loss or 0.0) - (without.loss or 0.0) == pytest.approx(0.2, abs=0.02)


def test_a_spike_moves_little() -> None:
    truth = simulate(7, "cosine")
    steps, losses = truth.seen(0.7)
    spiked = losses.copy()
    spiked[90:93] += 3.0
    plain = forecast(steps, losses, truth.rates, until=2000)
    moved = forecast(steps, spiked, truth.rates, until=2000)
    assert moved.loss == pytest.approx(plain.loss, rel=0.01)
    assert inside(moved, truth.end)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([0.001, 0.25, 7.0, 2048.0]), st.sampled_from([1 / 0.6931471805599453, 1e-3, 40.0]))
def test_units_change_nothing_but_the_units(step_unit: float, loss_unit: float) -> None:
    """Tokens for steps, bits for nats; and any unit of the learning rate."""
    truth = simulate(11, "wsd")
    steps, losses = truth.seen(0.85)
    plain = forecast(steps, losses, truth.rates, until=2000)
    other = forecast(steps * step_unit, losses * loss_unit, truth.rates * 3.7, until=2000 * step_unit)
    assert other.loss == pytest.approx((plain.loss or 0.0) * loss_unit, rel=1e-5)
    assert other.half == pytest.approx((plain.half or 0.0) * loss_unit, rel=1e-3)
    assert (other.seen, other.verdict) == (pytest.approx(plain.seen), plain.verdict)


def test_the_same_curve_gives_the_same_forecast_in_any_order_and_with_gaps() -> None:
    truth = simulate(2)
    steps, losses = truth.seen(0.9)
    plain = forecast(steps, losses, truth.rates, until=2000)
    order = np.random.default_rng(0).permutation(len(steps))
    assert forecast(steps[order], losses[order], truth.rates, until=2000) == plain
    holes = np.insert(losses, [5, 60, 60], np.nan)
    where = np.insert(steps, [5, 60, 60], [51.0, 601.0, 602.0])
    assert forecast(where, holes, truth.rates, until=2000) == plain


def test_a_long_curve_is_thinned_to_means_and_forecast_alike() -> None:
    truth = simulate(4, "cosine", steps=20_000, every=1, rho=0.0)
    found = told(truth, 0.7)
    assert found.n_losses <= 160
    assert inside(found, truth.end)


@pytest.mark.parametrize(
    ("steps", "losses"),
    [
        ([], []),
        ([100, 200], [4.0, 3.5]),
        (list(range(20, 2000, 100)), [float("nan")] * 20),
        (list(range(1, 60)), [6.0 - 0.01 * i for i in range(59)]),
    ],
)
def test_too_little_is_said_in_words_and_without_numbers(steps: list[int], losses: list[float]) -> None:
    found = forecast(steps, losses, schedule("wsd", 2000), until=2000)
    assert found.verdict is Believed.TOO_EARLY and not found.believed
    assert (found.loss, found.low, found.high, found.half) == (None, None, None, None)
    assert "too few" in found.reason


def test_a_loss_that_rises_is_not_promised_to_fall() -> None:
    steps = np.arange(10.0, 1500, 10)
    found = forecast(steps, 3.0 + 1e-3 * steps, schedule("constant", 2000), until=2000)
    assert not found.believed
    noisy = 3.0 + 3e-4 * steps + 0.01 * np.random.default_rng(0).standard_normal(len(steps))
    assert not forecast(steps, noisy, schedule("constant", 2000), until=2000).believed


def test_a_constant_loss_stays_where_it_is() -> None:
    steps = np.arange(10.0, 1500, 10)
    found = forecast(steps, np.full(len(steps), 2.5), schedule("constant", 2000), until=2000)
    assert found.loss == pytest.approx(2.5, rel=1e-3)


def test_the_start_of_a_run_is_never_more_than_too_early() -> None:
    found = told(simulate(0, "constant", every=1), 0.09)
    assert found.verdict is Believed.TOO_EARLY
    assert "of the run is seen" in found.reason


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"until": 500}, "losses up to 1000 of a run that ends at 500"),
        ({"until": 0}, "to end at 0"),
        ({"until": float("nan")}, "to end at nan"),
        ({"lr": np.zeros(2000)}, "zero throughout"),
        ({"lr": []}, "no entries"),
        ({"lr": [0.1, -0.1]}, "no rate"),
        ({"lr": [[0.1], [0.2]]}, "2 dimensions"),
        ({"losses": [3.0] * 7}, "100 steps, 7 losses"),
        ({"losses": ["a"] * 100}, "not numbers"),
        ({"held_out": ([10.0], [])}, "1 held out steps, 0 held out losses"),
    ],
)
def test_what_is_no_curve_is_refused_in_words(changed: dict[str, object], words: str) -> None:
    given_values: dict[str, object] = {
        "steps": np.arange(10.0, 1001, 10),
        "losses": np.linspace(4, 3, 100),
        "lr": schedule("wsd", 2000),
        "until": 2000,
    }
    with pytest.raises(BadInput, match=words):
        forecast(**(given_values | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.001, 0.5])
def test_the_record_goes_to_strict_json_and_back(share: float) -> None:
    found = told(simulate(1), share)
    assert CurveForecast.from_json(found.to_json()) == found
    assert json.loads(found.to_json())["verdict"] == str(found.verdict)


def test_spans_weigh_a_mean_of_many_steps_by_as_many() -> None:
    """The last stretch logged ten times as often is no ten times better known."""
    curve = Curve.of([10, 20, 30], [3.0, 2.9, 2.8], np.ones(40), until=40, spans=[10, 10, 1])
    assert curve.thinned(np.ones(3, dtype=bool))[2].tolist() == [10, 10, 1]
    assert not forecast_curve(curve).believed
