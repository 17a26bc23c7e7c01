"""Signals and requests: what a session does when it is asked to stop."""

from __future__ import annotations

import os
import signal
import sqlite3
import time

import pytest

from scalelab.lab.executor import Job
from scalelab.lab.stopping import Signals
from scalelab.records import Message
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, family


def test_one_signal_stops_cleanly_and_the_next_session_goes_on(bench: Bench) -> None:
    bench.plan([*family("a"), *family("b")])
    executor = FakeExecutor(on_beat=lambda it: bench.signals.ask() if it.beats == 5 else None)
    summary = bench.session(executor)
    assert summary.interrupted and summary.left == 6
    assert all(worker.stopped and worker.closed for worker in executor.started)
    assert bench.states("a-trunk-s0") == ["running", "stopped"]
    bench.signals = Signals()
    summary = bench.session(FakeExecutor())
    assert (summary.done, summary.interrupted) == (6, False)
    assert bench.states("a-trunk-s0") == ["running", "stopped", "planned", "running", "done"]


def test_two_signals_kill_at_once(bench: Bench) -> None:
    bench.plan(family("a"))

    def twice(it: FakeExecutor) -> None:
        if it.beats == 5:
            it.started[0].stop = lambda: None  # type: ignore[method-assign]
            bench.signals.count = 2

    executor = FakeExecutor(on_beat=twice)
    assert bench.session(executor).interrupted
    assert executor.started[0].killed
    assert bench.states("a-trunk-s0") == ["running", "stopped"]


def test_a_stop_request_in_the_store_stops_and_is_answered(bench: Bench) -> None:
    bench.plan(family("a"))

    def ask(it: FakeExecutor) -> None:
        if it.beats == 5:
            with bench.reader() as reader:
                reader.request("stop")
                reader.request("dance")

    assert bench.session(FakeExecutor(on_beat=ask)).interrupted
    with bench.reader() as reader:
        assert [request.reply for request in reader.requests()] == ["stopping", "unknown request dance"]


def test_a_request_from_before_the_session_does_not_stop_it(bench: Bench) -> None:
    bench.plan(family("a"))
    with bench.reader() as reader:
        reader.request("stop")
    assert bench.session(FakeExecutor()).done == 3
    with bench.reader() as reader:
        assert [request.reply for request in reader.requests()] == ["nothing was running"]


def test_a_request_made_while_the_session_comes_up_stops_it(bench: Bench) -> None:
    bench.plan(family("a"))
    taken = time.time()
    with bench.reader() as reader:
        reader.request("stop")
    executor = FakeExecutor()
    summary = bench.session(executor, since=taken)
    assert summary.interrupted and summary.left == 3 and executor.order == []
    with bench.reader() as reader:
        assert [request.reply for request in reader.requests()] == ["stopping"]
    assert bench.session(FakeExecutor()).done == 3


def test_a_stop_does_not_wait_for_a_store_that_takes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalelab.lab.ending.PATIENCE_SECONDS", 0.3)
    bench.plan(family("a"))
    foreign = sqlite3.connect(bench.paths.store, isolation_level=None)

    def beat(it: FakeExecutor) -> None:
        if it.beats == 5:
            foreign.execute("BEGIN IMMEDIATE")
            bench.signals.ask()

    began = time.monotonic()
    assert bench.session(FakeExecutor(on_beat=beat)).interrupted
    assert time.monotonic() - began < 10
    foreign.close()
    bench.signals = Signals()
    assert bench.session(FakeExecutor()).done == 3


def test_a_signal_while_the_first_worker_is_awaited_ends_at_once(bench: Bench) -> None:
    bench.plan(family("a"))

    def play(job: Job) -> list[Message]:
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the start was not interrupted")

    with bench.signals:
        summary = bench.session(FakeExecutor(play))
    assert summary.interrupted and summary.left == 3
    assert bench.states("a-trunk-s0") == ["running", "stopped"]
