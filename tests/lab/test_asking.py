"""What readers ask of a session that runs: stop in three ways, go on after all, try a run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scalelab.lab.ending import STOPPING
from scalelab.lab.executor import Job
from scalelab.records import Message, RunState
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, ended, family, whole


def _asking(bench: Bench, beat: int, verb: str, **args: Any) -> Callable[[FakeExecutor], None]:
    """Leaves a request in the store at a beat."""

    def on_beat(it: FakeExecutor) -> None:
        if it.beats == beat:
            with bench.reader() as reader:
                reader.request(verb, args)

    return on_beat


def _replies(bench: Bench) -> list[str | None]:
    with bench.reader() as reader:
        return [request.reply for request in reader.requests()]


def test_after_the_current_runs_these_end_as_planned_and_no_other_starts(bench: Bench) -> None:
    bench.plan([*family("a"), *family("b"), *family("c")])
    ways: list[str | None] = []

    def on_beat(it: FakeExecutor) -> None:
        _asking(bench, 5, "stop", after_current=True)(it)
        if it.beats == 8:
            with bench.reader() as reader:
                ways.append(reader.meta(STOPPING))

    executor = FakeExecutor(on_beat=on_beat)
    summary = bench.session(executor)
    assert executor.order == ["a-trunk-s0", "b-trunk-s0"] and not any(worker.stopped for worker in executor.started)
    assert (summary.done, summary.left, summary.interrupted) == (2, 7, True)
    assert ways == ["after the current runs"]
    assert bench.states("a-trunk-s0") == ["running", "done"]
    assert bench.session(FakeExecutor()).done == 9
    with bench.reader() as reader:
        assert reader.meta(STOPPING) == "", "a new session is not stopping"


def test_a_stop_overrides_a_gentler_one_and_not_a_stronger_one(bench: Bench) -> None:
    bench.plan(family("a", (200,)))

    def on_beat(it: FakeExecutor) -> None:
        _asking(bench, 3, "stop", after_current=True)(it)
        _asking(bench, 6, "stop")(it)
        if it.beats == 6:
            with bench.reader() as reader:
                reader.request("stop", {"after_current": True})

    summary = bench.session(FakeExecutor(on_beat=on_beat))
    assert summary.interrupted and bench.states("a-trunk-s0") == ["running", "stopped"]
    assert _replies(bench) == ["stopping", "stopping", "stopping already, saving"]


def test_a_stop_after_the_last_runs_interrupts_nothing(bench: Bench) -> None:
    bench.plan(family("a", (10,))[:1])
    summary = bench.session(FakeExecutor(on_beat=_asking(bench, 3, "stop", after_current=True)))
    assert (summary.done, summary.interrupted) == (1, False)


def test_who_was_to_end_after_its_runs_goes_on_when_asked(bench: Bench) -> None:
    bench.plan(family("a", (10, 20)))

    def on_beat(it: FakeExecutor) -> None:
        _asking(bench, 3, "stop", after_current=True)(it)
        _asking(bench, 6, "resume")(it)

    assert bench.session(FakeExecutor(on_beat=on_beat)).done == 3
    assert _replies(bench) == ["stopping", "going on"]


def test_a_failed_run_is_tried_again_with_all_its_retries_while_others_train(bench: Bench) -> None:
    bench.plan([*family("a", (10,)), *family("b", (200,))])

    def play(job: Job) -> Any:
        return "killed by SIGSEGV" if job.spec.run == "a-D10-s0" and job.attempt <= 5 else whole(job)

    def on_beat(it: FakeExecutor) -> None:
        if it.order.count("a-D10-s0") == 3 and bench.kinds()[-1] == "failed" and not _replies(bench):
            _asking(bench, it.beats, "retry", runs=["a-D10-s0"])(it)

    executor = FakeExecutor(play, on_beat=on_beat)
    assert bench.session(executor).done == 4
    assert executor.order.count("a-D10-s0") == 6 and _replies(bench) == ["again"]


@pytest.mark.parametrize(
    ("args", "words"),
    [({"runs": ["nope"]}, "there is no run nope"), ({"runs": ["a-trunk-s0"]}, "is running"), ({}, "")],
)
def test_what_cannot_be_tried_again_is_answered_in_words(bench: Bench, args: dict[str, Any], words: str) -> None:
    bench.plan(family("a"))
    assert bench.session(FakeExecutor(on_beat=_asking(bench, 5, "retry", **args))).done == 3
    (reply,) = _replies(bench)
    assert reply is not None and words in reply


def test_a_session_for_one_run_trains_it_with_what_it_needs_and_nothing_else(bench: Bench) -> None:
    bench.plan([*family("a"), *family("b")])

    def broken(job: Job) -> Any:
        return [ended(job, RunState.DIVERGED, "loss nan")] if job.spec.run.startswith("a-trunk") else whole(job)

    bench.session(FakeExecutor(broken, on_beat=lambda it: bench.signals.ask() if it.beats == 30 else None))
    bench.signals.count = 0
    bench.events.clear()
    executor = FakeExecutor()
    summary = bench.session(executor, only=["a-D10-s0"])
    assert summary.done < 6 and not summary.interrupted
    assert executor.order == ["a-trunk-s0", "a-D10-s0"]
    assert bench.states("a-trunk-s0")[-3:] == ["planned", "running", "done"]
    assert bench.session(FakeExecutor()).done == 6


def test_a_diverged_run_begins_anew_at_the_rate_that_is_asked(bench: Bench) -> None:
    bench.plan(family("a"))
    told: list[tuple[str, float, int | None]] = []

    def play(job: Job) -> list[Message]:
        told.append((job.spec.run, job.spec.schedule.peak, job.resume_before))
        if job.spec.run == "a-trunk-s0" and job.spec.schedule.peak > 0.008:
            return [*whole(job)[:15], ended(job, RunState.DIVERGED, "loss nan in step 16")]
        return whole(job)

    bench.session(FakeExecutor(play))
    stale = bench.paths.run_dir("a-trunk-s0") / "checkpoint" / "0000000012"
    stale.mkdir(parents=True)
    told.clear()
    assert bench.session(FakeExecutor(play), only=["a-trunk-s0"], rate=0.5).done == 3
    assert [(run, peak) for run, peak, _ in told] == [("a-trunk-s0", 0.005), ("a-D10-s0", 0.005), ("a-D20-s0", 0.005)]
    assert not stale.exists(), "its own checkpoints lead to the same end"
    with bench.reader() as reader:
        assert {row.spec.schedule.peak for row in reader.runs()} == {0.005}
