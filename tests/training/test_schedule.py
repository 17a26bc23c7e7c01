from __future__ import annotations

import math
from itertools import pairwise

import pytest

from scalelab.records import Decay, Schedule
from scalelab.training.schedule import rate


def _schedule(decay: Decay, floor: float = 0.0, start: int = 80) -> Schedule:
    return Schedule(peak=0.5, warmup_steps=10, decay=decay, decay_start=start, n_steps=100, floor=floor)


def test_the_warm_up_rises_linearly_from_above_zero_to_the_peak() -> None:
    rates = [rate(_schedule(Decay.COOLDOWN), step) for step in range(12)]
    assert rates[0] == pytest.approx(0.5 / 11)
    assert rates[10] == rates[11] == 0.5
    steps = [later - earlier for earlier, later in pairwise(rates[:11])]
    assert steps == pytest.approx([0.5 / 11] * 10)


def test_the_cooldown_is_one_minus_the_root() -> None:
    schedule = _schedule(Decay.COOLDOWN)
    assert rate(schedule, 80) == 0.5
    assert rate(schedule, 85) == pytest.approx(0.5 * (1 - math.sqrt(0.25)))
    assert rate(schedule, 99) == pytest.approx(0.5 * (1 - math.sqrt(0.95)))
    assert rate(schedule, 100) == 0.0


def test_the_cosine_passes_half_way_at_half_the_decay() -> None:
    schedule = _schedule(Decay.COSINE, start=20)
    assert rate(schedule, 60) == pytest.approx(0.25)
    assert rate(schedule, 100) == pytest.approx(0.0)


@pytest.mark.parametrize("decay", [Decay.COOLDOWN, Decay.COSINE])
def test_the_decay_ends_on_its_floor(decay: Decay) -> None:
    assert rate(_schedule(decay, floor=0.1), 100) == pytest.approx(0.05)


def test_a_trunk_keeps_its_rate() -> None:
    trunk = _schedule(Decay.CONSTANT, start=100)
    assert {rate(trunk, step) for step in range(10, 100)} == {0.5}


@pytest.mark.parametrize("decay", list(Decay))
def test_a_decay_of_no_steps_is_none(decay: Decay) -> None:
    assert rate(_schedule(decay, start=100), 99) == 0.5
