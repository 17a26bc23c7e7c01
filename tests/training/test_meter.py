from __future__ import annotations

import pytest
import torch

from scalelab.records import MAX_POINTS, Decay
from scalelab.training import meter as meter_module
from scalelab.training.meter import Meter
from tests.training.making import make_spec, open_device, steps_to


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(meter_module.time, "perf_counter", clock)
    return clock


def test_a_point_is_the_mean_since_the_last_one_and_its_pace_that_of_training_alone(clock: Clock) -> None:
    spec = make_spec()
    meter = Meter(spec, open_device("cpu"), attempt=3)
    for loss in (4.0, 2.0):
        meter.add(torch.tensor(loss), torch.tensor(loss / 4))
        clock.now += 1.0
    first = meter.point(2, 0.01)
    assert (first.loss, first.grad_norm, first.attempt, first.step) == (3.0, 0.75, 3, 2)
    assert (first.seconds, first.n_tokens) == (2.0, 2 * spec.batch_tokens)
    assert first.tokens_per_second == pytest.approx(spec.batch_tokens)
    with meter.paused():
        clock.now += 50.0
    meter.add(torch.tensor(1.0), torch.tensor(1.0))
    clock.now += 0.5
    second = meter.point(3, 0.02)
    assert (second.loss, second.seconds, second.lr) == (1.0, 2.5, 0.02)
    assert second.tokens_per_second == pytest.approx(2 * spec.batch_tokens)


@pytest.mark.parametrize(("first", "last"), [(0, 40), (0, 199), (0, 200), (0, 201), (800, 100_000), (7, 1_000)])
def test_there_are_at_most_so_many_points_and_the_end_is_always_one(first: int, last: int) -> None:
    spec = make_spec(first_step=first, schedule=steps_to(last, decay=Decay.CONSTANT))
    meter = Meter(spec, open_device("cpu"), attempt=1)
    due = [step for step in range(first + 1, last + 1) if meter.due(step)]
    assert due[-1] == last
    assert min(last - first, MAX_POINTS) // 2 <= len(due) <= MAX_POINTS + 1


def test_a_meter_that_goes_on_takes_the_steps_before_into_its_mean_and_not_into_its_pace(clock: Clock) -> None:
    spec = make_spec()
    first, second = (Meter(spec, open_device("cpu"), attempt=attempt) for attempt in (0, 1))
    first.add(torch.tensor(4.0), torch.tensor(2.0))
    second.restore(first.state())
    clock.now += 1000.0
    second.begin()
    second.add(torch.tensor(2.0), torch.tensor(1.0))
    clock.now += 0.5
    point = second.point(2, 0.01)
    assert (point.loss, point.grad_norm, point.seconds) == (3.0, 1.5, 0.5)
    assert point.tokens_per_second == pytest.approx(2 * spec.batch_tokens)
