from __future__ import annotations

import time

import psutil
import pytest

from scalelab.records import Usage, pack, unpack
from scalelab.training.device import open_device
from scalelab.training.usage import UsageGauge


def _work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_cpu_slot_tells_its_own_memory_and_its_share_of_its_threads() -> None:
    before = time.time()
    gauge = UsageGauge(open_device("cpu", threads=1), 3)
    began = time.perf_counter()
    _work(0.2)
    seen = gauge.look()
    took = time.perf_counter() - began
    assert (seen.slot, seen.device) == (3, "cpu") and before <= seen.time <= time.time()
    assert seen.memory_total == psutil.virtual_memory().total
    assert seen.memory_used == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert seen.utilisation is not None and 0.18 / took <= seen.utilisation <= 1.0
    assert unpack(pack(seen)) == seen


def test_who_does_nothing_shows_no_work() -> None:
    gauge = UsageGauge(open_device("cpu"), 0)
    gauge.look()
    time.sleep(0.3)
    share = gauge.look().utilisation
    assert share is not None and share < 0.3


def test_a_look_costs_training_less_than_a_thousandth() -> None:
    gauge = UsageGauge(open_device("cpu"), 0)
    seen: list[Usage] = []
    spent = time.thread_time()
    for _ in range(200):
        seen.append(gauge.look())
    each = (time.thread_time() - spent) / len(seen)
    assert each < 0.003, "at one look every three seconds"
