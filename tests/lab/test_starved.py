"""Runs that the kernel kills for want of memory: half as much at a time, remembered; an end that says what it takes.

The kernel's counter is a fake here: a real kill, in a group of its own, is among `test_others`.
"""

from __future__ import annotations

from typing import Any

import pytest

from scalelab.lab.executor import Job
from scalelab.records import RunState
from tests.lab import mini
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, ended, family, whole


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the kernel has killed."""
    kills = [0]
    monkeypatch.setattr("scalelab.lab.crew.kernel_kills", lambda: kills[0])
    return kills


def test_row_07_the_smaller_micro_batch_is_recorded_and_later_sessions_keep_it(
    bench: Bench, killing: list[int]
) -> None:
    bench.plan(family("a", (10,))[:1])
    tried: list[tuple[int, int]] = []

    def play(job: Job) -> Any:
        tried.append((job.spec.micro_sequences, job.spec.batch_sequences))
        killing[0] += job.attempt == 1
        ends: dict[int, Any] = {1: "killed by SIGKILL", 2: [ended(job, RunState.STOPPED)]}
        return ends.get(job.attempt) or whole(job)

    bench.session(FakeExecutor(play))
    assert bench.session(FakeExecutor(play)).done == 1
    assert tried == [(4, 4), (2, 4), (2, 4)]
    with bench.reader() as reader:
        (row,) = reader.runs()
        assert row.spec.micro_sequences == 2
        assert any("2 sequences at a time instead of 4" in change.reason for change in reader.states())


def test_row_07_with_one_sequence_it_fails_with_what_it_takes_and_what_there_is_and_others_go_on(
    bench: Bench, killing: list[int]
) -> None:
    bench.plan([*family("a", (10,)), *family("b", (10,))])
    tried: list[int] = []

    def play(job: Job) -> Any:
        if job.spec.run != "a-trunk-s0":
            return whole(job)
        tried.append(job.spec.micro_sequences)
        killing[0] += 1
        return "killed by SIGKILL"

    summary = bench.session(FakeExecutor(play), device=mini.DEVICE)
    assert tried == [4, 2, 1], "all that may help is tried, and no more"
    assert (summary.done, summary.failed) == (2, 2)
    with bench.reader() as reader:
        row = reader.run("a-trunk-s0")
    assert row is not None and row.reason.startswith("out of memory with one sequence at a time: it needs about ")
    assert "are free on the machine" in row.reason


def test_what_a_worker_has_found_too_large_is_not_tried_again(bench: Bench) -> None:
    bench.plan(family("a", (10,))[:1])
    executor = FakeExecutor(lambda job: [ended(job, RunState.FAILED, "out of memory for the model and its optimizer")])
    assert bench.session(executor).failed == 1 and len(executor.order) == 1
