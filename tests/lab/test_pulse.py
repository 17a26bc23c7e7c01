"""How long a worker may be silent: by its own pace, and never for the time that we were away ourselves."""

from __future__ import annotations

import pytest

from scalelab.lab.pulse import OwnClock, Pulse


def _pulse(step_seconds: float = 0.0) -> Pulse:
    return Pulse(least=60.0, step_seconds=step_seconds, heard=1000.0)


def test_before_its_first_beat_a_worker_may_load_and_compile() -> None:
    pulse = _pulse()
    assert pulse.silent(1599.0) is None
    assert pulse.silent(1601.0) == 601.0


def test_after_a_beat_a_minute_of_silence_is_a_hang() -> None:
    pulse = _pulse()
    pulse.beat(1010.0)
    assert pulse.silent(1069.0) is None
    assert pulse.silent(1071.0) == 61.0


def test_who_is_slow_is_waited_for_by_its_own_pace() -> None:
    planned, learnt = _pulse(step_seconds=30.0), _pulse()
    planned.beat(1010.0)
    assert planned.silent(1300.0) is None and planned.silent(1311.0) is not None
    for now in (1010.0, 1011.0, 1051.0, 1052.0):  # an evaluation of 40 s among steps of one
        learnt.beat(now)
    assert learnt.patience == pytest.approx(400.0)
    assert learnt.silent(1452.0) is None and learnt.silent(1453.0) is not None


def test_time_away_is_not_the_workers_silence() -> None:
    clock, pulse = OwnClock(60.0, 1000.0), _pulse()
    pulse.beat(1000.0)
    assert not any(clock.jumped(1000.0 + 0.1 * beat) for beat in range(20))
    assert clock.jumped(5000.0), "stopped, or asleep"
    pulse.excuse(5000.0)
    assert pulse.silent(5059.0) is None and pulse.silent(5061.0) is not None
    assert pulse.longest == 0.0, "what was away is no pace"
