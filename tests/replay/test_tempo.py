"""Where a replay stands: a clock that is handed in, speeds, standing still, and nights that are not waited for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab.replay.tempo import FASTEST, REST, SLOWEST, Tempo, Timeline


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_goes_as_fast_as_was_asked(clock: Clock) -> None:
    tempo = Tempo(60.0, clock=clock)
    clock.now += 5.0  # what opening takes is not played
    tempo.open(600.0)
    clock.now += 2.0
    assert tempo.at == 120.0
    clock.now += 100.0
    assert (tempo.at, tempo.over, tempo.words) == (600.0, True, "replay  end")


def test_standing_still_loses_nothing(clock: Clock) -> None:
    tempo = Tempo(10.0, clock=clock)
    tempo.open(600.0)
    clock.now += 6.0
    tempo.pause(True)
    clock.now += 1e6
    assert (tempo.at, tempo.words) == (60.0, "replay paused  10 %")
    tempo.pause(False)
    clock.now += 1.0
    assert tempo.at == 70.0


def test_another_speed_counts_from_now_on(clock: Clock) -> None:
    tempo = Tempo(1.0, clock=clock)
    tempo.open(600.0)
    clock.now += 10.0
    tempo.change(2.0)
    assert tempo.at == 10.0
    clock.now += 10.0
    assert (tempo.at, tempo.words) == (30.0, "replay ×2  5 %")
    for _ in range(100):
        tempo.change(0.5)
    assert tempo.speed == SLOWEST
    for _ in range(100):
        tempo.change(2.0)
    assert tempo.speed == FASTEST


def test_a_speed_beyond_the_keys_is_kept_until_a_key_leads_away(clock: Clock) -> None:
    tempo = Tempo(1e6, clock=clock)
    tempo.change(2.0)
    assert tempo.speed == 1e6


def test_it_begins_at_a_share_or_at_a_time(clock: Clock) -> None:
    share, there, beyond = Tempo(1.0, clock=clock), Tempo(1.0, clock=clock, at=90.0), Tempo(1.0, clock=clock, at=1e9)
    share.open(600.0, 0.5)
    there.open(600.0)
    beyond.open(600.0)
    assert (share.at, there.at, beyond.at) == (300.0, 90.0, 600.0)
    assert beyond.over


def test_to_the_end_at_once_even_while_it_stands_still(clock: Clock) -> None:
    tempo = Tempo(1.0, clock=clock, paused=True)
    tempo.open(600.0)
    tempo.to_end()
    assert tempo.over


def test_a_night_between_two_sessions_lasts_seconds() -> None:
    line = Timeline([(1000.0, 1060.0), (50_000.0, 50_100.0), (1010.0, 1070.0)], 1000.0, 50_100.0)
    assert line.length == 70.0 + REST + 100.0
    assert line.time(70.0) == 1070.0
    assert line.time(70.0 + REST) == 50_000.0
    assert 1070.0 < line.time(70.0 + REST / 2) < 50_000.0
    assert line.time(1e9) == 50_100.0


def test_what_came_after_the_last_run_is_played_too() -> None:
    line = Timeline([(5.0, 10.0)], 4.0, 11.5)
    assert (line.time(0.0), line.length) == (4.0, 7.5)


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e5)), max_size=8),
    st.floats(0, 1e6),
    st.lists(st.floats(0, 2e6), min_size=2, max_size=20),
)
def test_time_never_goes_back_and_stays_within(spans: list[tuple[float, float]], last: float, ats: list[float]) -> None:
    first = min([last, *(start for start, _ in spans)])
    line = Timeline([(start, start + length) for start, length in spans], first, last)
    times = [line.time(at) for at in sorted(ats)]
    assert times == sorted(times)
    assert all(first <= time <= last for time in times)
    assert line.time(line.length) == last
    assert 0 <= line.length <= (last - first) * (1 + 1e-9)
