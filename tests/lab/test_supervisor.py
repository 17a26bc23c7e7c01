"""What the supervisor decides about runs: order, retries, ends."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from scalelab.lab.executor import Job
from scalelab.lab.hooks import Hooks
from scalelab.lab.oom import kernel_kills
from scalelab.lab.stopping import Signals
from scalelab.lab.table import run_table
from scalelab.records import Message, RunState
from scalelab.store.reader import Reader
from scalelab.store.schema import StoreBusy
from scalelab.store.writer import Writer
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, ended, family, whole


def test_everything_is_trained_once_and_fitted(bench: Bench) -> None:
    bench.plan([*family("a"), *family("b")])
    executor = FakeExecutor()
    summary = bench.session(executor)
    assert (summary.total, summary.done, summary.left, summary.interrupted) == (6, 6, 0, False)
    assert sorted(executor.order) == sorted({*executor.order}) and len(executor.order) == 6
    with bench.reader() as reader:
        assert len(reader.finals()) == 4
        latest = reader.latest_fit()
        assert latest is not None and json.loads(latest.json)["n_runs"] == 4
        assert reader.meta("fitted_runs") == "4"
    assert bench.states("a-D10-s0") == ["running", "done"]
    assert all(worker.closed for worker in executor.started)


def test_a_branch_starts_while_its_trunk_goes_on(bench: Bench) -> None:
    bench.plan(family("a", (10, 200)))

    def play(job: Job) -> list[Message]:
        sent = whole(job)
        # The checkpoints of a real trunk come along the way, not at its end.
        return sorted(sent, key=lambda message: message.step)

    executor = FakeExecutor(play)
    bench.session(executor)
    with bench.reader() as reader:
        changes = [(change.run, str(change.state)) for change in reader.states()]
    assert changes.index(("a-D10-s0", "running")) < changes.index(("a-trunk-s0", "done"))


def test_a_crashed_run_is_tried_again_twice_and_then_failed_with_the_reason(bench: Bench) -> None:
    bench.plan([*family("a", (10,)), *family("b", (10,))])
    crash = "killed by SIGKILL"
    executor = FakeExecutor(lambda job: crash if job.spec.run == "a-D10-s0" else whole(job))
    summary = bench.session(executor)
    assert (summary.done, summary.failed) == (3, 1)
    assert executor.order.count("a-D10-s0") == 3
    assert bench.states("a-D10-s0") == ["running", "failed", "planned"] * 2 + ["running", "failed"]
    with bench.reader() as reader:
        row = reader.run("a-D10-s0")
        assert row is not None and crash in row.reason and row.attempt == 3
    assert bench.kinds().count("retry") == 2


def test_a_run_that_the_kernel_killed_for_memory_goes_on_with_smaller_parts_of_the_same_steps(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plan([*family("a", (10,)), *family("b", (10,))])
    kills = 0
    monkeypatch.setattr("scalelab.lab.crew.kernel_kills", lambda: kills)
    tried: dict[str, list[tuple[int, int]]] = {}

    def play(job: Job) -> Any:
        nonlocal kills
        tried.setdefault(job.spec.run, []).append((job.spec.micro_sequences, job.spec.batch_sequences))
        if job.spec.run == "a-D10-s0" and job.attempt <= 2:
            return "killed by SIGKILL"
        if job.spec.run == "b-D10-s0" and job.attempt == 1:
            return "killed by SIGSEGV"
        return whole(job)

    def beat(it: FakeExecutor) -> None:
        nonlocal kills
        kills += 1

    assert bench.session(FakeExecutor(play, on_beat=beat)).done == 4
    (micro, batch), *_ = tried["a-trunk-s0"]
    assert tried["a-D10-s0"] == [(micro, batch), (micro // 2, batch), (micro // 4, batch)]
    assert set(tried["b-D10-s0"]) == {(micro, batch)}, "it did not die of memory"
    assert any(kind == "retry" and f"{micro // 2} sequences at a time" in text for kind, text in bench.events)


def test_a_run_killed_by_a_person_goes_on_as_it_was(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.plan(family("a", (10,))[:1])
    monkeypatch.setattr("scalelab.lab.crew.kernel_kills", lambda: 7)
    micro: list[int] = []

    def play(job: Job) -> Any:
        micro.append(job.spec.micro_sequences)
        return "killed by SIGKILL" if job.attempt == 1 else whole(job)

    assert bench.session(FakeExecutor(play)).done == 1
    assert len(micro) == 2 and len(set(micro)) == 1


def test_the_kernels_kills_are_read_where_it_tells_them(tmp_path: Path) -> None:
    vmstat = tmp_path / "vmstat"
    assert kernel_kills(vmstat) == 0
    vmstat.write_text("nr_free_pages 12\noom_kill 3\ndrop_slab 0\n")
    assert kernel_kills(vmstat) == 3
    vmstat.write_text("nr_free_pages 12\n")
    assert kernel_kills(vmstat) == 0


def test_a_run_that_crashed_once_goes_on_and_counts_once(bench: Bench) -> None:
    bench.plan(family("a", (10,)))

    def play(job: Job) -> Any:
        return (whole(job)[:5], "killed by SIGSEGV") if job.attempt == 1 and not job.spec.parent else whole(job)

    summary = bench.session(FakeExecutor(play))
    assert summary.done == 2
    with bench.reader() as reader:
        points = reader.points("a-trunk-s0")
        assert [point.step for point in points] == list(range(1, 11))
        assert {point.attempt for point in points} == {2}


def test_row_08_a_nan_is_never_tried_again_and_its_branches_say_why_they_failed(bench: Bench) -> None:
    bench.plan([*family("a"), *family("b")])

    def play(job: Job) -> list[Message]:
        if job.spec.run == "a-trunk-s0":
            return [ended(job, RunState.DIVERGED, "loss nan in step 7")]
        return whole(job)

    executor = FakeExecutor(play)
    summary = bench.session(executor)
    assert (summary.done, summary.diverged, summary.failed) == (3, 1, 2)
    assert executor.order.count("a-trunk-s0") == 1
    with bench.reader() as reader:
        row = reader.run("a-D20-s0")
        assert row is not None and "a-trunk-s0 is diverged" in row.reason
    again = FakeExecutor(play)
    assert bench.session(again).done == 3
    assert again.order == []


def test_row_08_a_diverged_branch_is_left_out_of_the_fit_and_counted(bench: Bench) -> None:
    bench.plan([*family("a"), *family("b")])
    bench.session(
        FakeExecutor(
            lambda job: [ended(job, RunState.DIVERGED, "loss inf")] if job.spec.run == "a-D20-s0" else whole(job)
        )
    )
    with bench.reader() as reader:
        table = run_table(reader)
        assert set(table.run_id) == {"a-D10-s0", "b-D10-s0", "b-D20-s0"}
        assert [(one.run, one.reason) for one in table.excluded] == [("a-D20-s0", "diverged: loss inf")]
        assert table.cluster == ("a-trunk-s0", "b-trunk-s0", "b-trunk-s0")


def test_an_error_that_the_worker_reports_is_retried_like_a_crash(bench: Bench) -> None:
    bench.plan(family("a", (10,))[:1])
    executor = FakeExecutor(lambda job: [ended(job, RunState.FAILED, "no room")] if job.attempt < 3 else whole(job))
    assert bench.session(executor).done == 1
    assert executor.order == ["a-trunk-s0"] * 3


def test_finished_runs_are_not_repeated_and_unfinished_ones_go_on(bench: Bench) -> None:
    bench.plan([*family("a"), *family("b")])
    executor = FakeExecutor(on_beat=lambda it: bench.signals.ask() if it.beats == 28 else None)
    done = bench.session(executor).done
    assert 0 < done < 6
    bench.signals = Signals()
    again = FakeExecutor()
    assert bench.session(again).done == 6
    assert len(again.order) == 6 - done


def test_a_run_whose_supervisor_died_is_marked_failed_before_it_goes_on(bench: Bench) -> None:
    bench.plan(family("a", (10,)))
    with Writer(bench.paths.store) as writer:
        writer.set_state("a-trunk-s0", 1, RunState.RUNNING)
    bench.session(FakeExecutor())
    assert bench.states("a-trunk-s0") == ["running", "failed", "planned", "running", "done"]


def test_only_what_may_be_needed_again_is_kept_on_disk(bench: Bench) -> None:
    bench.plan(family("a"))
    bench.session(FakeExecutor())
    assert _kept(bench) == ["a-trunk-s0/20"], "an extended lab goes on from there"
    with bench.reader() as reader:
        assert [(saved.run, saved.step) for saved in reader.checkpoints()] == [("a-trunk-s0", 20)]


def _kept(bench: Bench) -> list[str]:
    return sorted(f"{path.parent.parent.name}/{int(path.name)}" for path in bench.paths.runs.rglob("checkpoint/*"))


def test_checkpoints_of_branches_that_failed_are_kept(bench: Bench) -> None:
    bench.plan(family("a"))
    bench.session(FakeExecutor(lambda job: "killed" if job.spec.run == "a-D10-s0" else whole(job)))
    assert _kept(bench) == ["a-trunk-s0/10", "a-trunk-s0/20"]
    assert bench.session(FakeExecutor()).done == 3
    assert _kept(bench) == ["a-trunk-s0/20"]


def test_a_view_that_fails_is_silenced_and_training_goes_on(bench: Bench) -> None:
    calls = []

    def broken(*values: Any) -> None:
        calls.append(values)
        raise BrokenPipeError

    bench.hooks = Hooks(on_event=broken, on_tick=broken)
    bench.plan(family("a"))
    assert bench.session(FakeExecutor()).done == 3
    assert len(calls) == 2


def test_a_store_that_is_busy_for_readers_silences_no_view_and_loses_no_fit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: list[Reader] = []
    tries: list[Reader] = []

    def busy_view(reader: Reader) -> None:
        ticks.append(reader)
        raise StoreBusy("the store is busy")

    def busy_once(reader: Reader, **which: Any) -> Any:
        tries.append(reader)
        if len(tries) == 1:
            raise StoreBusy("the store is busy")
        return run_table(reader, **which)

    monkeypatch.setattr("scalelab.lab.supervisor.TICK_SECONDS", 0.0)
    monkeypatch.setattr("scalelab.lab.fits.run_table", busy_once)
    bench.hooks = Hooks(on_tick=busy_view)
    bench.plan(family("a"))
    assert bench.session(FakeExecutor()).done == 3
    assert len(ticks) > 5
    with bench.reader() as reader:
        assert len(tries) > 1 and reader.meta("fitted_runs") == "2"


def test_a_foreign_lock_on_the_store_loses_nothing(bench: Bench) -> None:
    bench.plan(family("a"))
    foreign = sqlite3.connect(bench.paths.store, isolation_level=None)

    def beat(it: FakeExecutor) -> None:
        if it.beats == 5:
            foreign.execute("BEGIN IMMEDIATE")
        if it.beats == 60:
            foreign.execute("COMMIT")

    assert bench.session(FakeExecutor(on_beat=beat)).done == 3
    foreign.close()
    with bench.reader() as reader:
        assert [point.step for point in reader.points("a-trunk-s0")] == list(range(1, 21))
    assert [text.split(":")[0] for kind, text in bench.events if "store" in text] == [
        "store busy",
        "the store is written again, nothing was lost",
    ]


def test_an_executor_that_cannot_start_is_a_failed_run_and_not_a_crash(bench: Bench) -> None:
    bench.plan(family("a", (10,))[:1])

    def play(job: Job) -> list[Message]:
        raise OSError("no more processes")

    summary = bench.session(FakeExecutor(play))
    assert (summary.failed, summary.done) == (1, 0)


def test_a_damaged_branch_point_is_made_again_by_its_trunk(bench: Bench) -> None:
    bench.plan(family("a"))
    before: list[int | None] = []

    def play(job: Job) -> Any:
        state = bench.paths.run_dir("a-trunk-s0") / "checkpoint" / "0000000010" / "state.safetensors"
        if job.spec.parent is None:
            before.append(job.resume_before)
        elif job.spec.first_step == 10 and len(before) == 1:
            state.write_bytes(b"flipped")
            return [ended(job, RunState.FAILED, "checkpoint is damaged")]
        return whole(job)

    assert bench.session(FakeExecutor(play)).done == 3
    assert before == [10, 10]
    assert bench.states("a-trunk-s0") == ["running", "done", "planned", "running", "done"]
    assert any(kind == "warning" and "step 10 is gone" in text for kind, text in bench.events)


def test_a_trunk_that_cannot_make_a_checkpoint_again_fails_its_branch(bench: Bench) -> None:
    bench.plan(family("a", (10,)))
    executor = FakeExecutor(lambda job: [ended(job, RunState.DONE)])
    summary = bench.session(executor)
    assert (summary.done, summary.failed) == (1, 1)
    assert executor.order == ["a-trunk-s0"] * 2
