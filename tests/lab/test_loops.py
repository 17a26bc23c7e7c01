"""Crash loops: what ends everybody at the start ends the session, and what ends one run does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scalelab.lab.executor import Job
from scalelab.lab.loops import CRASHES, CrashLoop
from scalelab.records import RunState
from scalelab.store.reader import Reader
from tests.lab import mini
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, ended, family, whole
from tests.reliability.tally import Tally

_BROKEN = """
# A library is gone, which every worker imports at its start.
import sys

class Gone:
    def find_spec(self, name, path=None, target=None):
        if name == "scalelab.training.run":
            raise ImportError("libcudart.so.12: cannot open shared object file")

if "forkserver" in " ".join(sys.orig_argv):
    sys.meta_path.insert(0, Gone())
"""


def test_row_16_real_workers_that_cannot_import_end_the_session_with_the_cause(
    text: Path, tmp_path: Path, tally: Tally
) -> None:
    if not tally.soak:
        pytest.skip("the supervisor's part has quick tests; six real workers take their time: --soak")
    n, early = tally.repeats(1, 5), 0
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sitecustomize.py").write_text(_BROKEN)
    for trial in range(n):
        paths = mini.make(tmp_path / f"lab{trial}", text, ladder={"shapes": ["8x1", "16x1", "24x1"]})
        mini.supervise(paths, modules=tmp_path / "modules").wait(120)
        with Reader(paths.store) as reader:
            problem, attempts = reader.meta("session_problem") or "", sum(row.attempt for row in reader.runs())
        early += "libcudart.so.12" in problem and "same reason" in problem and attempts <= CRASHES + 2
    assert mini.supervise(paths).wait(180) == 0, "what was mended goes on"
    with Reader(paths.store) as reader:
        mended = sum(row.state == "done" for row in reader.runs())
    what = "sessions whose workers cannot import ended early, with the cause from a log"
    tally.count(16, what, early, of=n, promised=f"{n}/{n}")
    assert early == n and mended == 9


def test_row_16_a_session_whose_workers_all_end_at_their_start_ends_early_and_says_why_from_their_logs(
    bench: Bench,
) -> None:
    bench.plan([spec for rung in "abcdefgh" for spec in family(rung)])

    def play(job: Job) -> Any:
        log = bench.paths.run_dir(job.spec.run) / "log.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("Traceback\nImportError: libcudart.so.12: cannot open shared object file\n")
        return "ended with code 1 and without an outcome"

    executor = FakeExecutor(play)
    summary = bench.session(executor)
    assert CRASHES <= len(executor.order) <= CRASHES + 2
    assert "libcudart.so.12" in summary.problem and "same reason" in summary.problem
    assert summary.left == 24 - summary.failed >= 18 and not summary.interrupted
    with bench.reader() as reader:
        assert reader.meta("session_problem") == summary.problem
    assert bench.session(FakeExecutor()).done == 24, "what was mended goes on"
    with bench.reader() as reader:
        assert reader.meta("session_problem") == ""


def test_row_16_workers_that_tell_why_they_cannot_begin_are_a_loop_too(bench: Bench) -> None:
    bench.plan([spec for rung in "abcdefgh" for spec in family(rung)])
    executor = FakeExecutor(lambda job: [ended(job, RunState.FAILED, "ImportError: libcudart.so.12: no such file")])
    summary = bench.session(executor)
    assert CRASHES <= len(executor.order) <= CRASHES + 2
    assert "libcudart.so.12" in summary.problem and "same reason" in summary.problem


def test_row_07_runs_that_are_too_large_are_no_loop_and_smaller_ones_go_on(bench: Bench) -> None:
    bench.plan([spec for rung in "abcdefghi" for spec in family(rung)])

    def play(job: Job) -> Any:
        small = job.spec.run.startswith("i")
        return whole(job) if small else [ended(job, RunState.FAILED, "out of memory for the model: 3 GB")]

    summary = bench.session(FakeExecutor(play))
    assert (summary.done, summary.failed, summary.problem) == (3, 24, "")


def test_row_16_one_run_that_always_ends_at_its_start_keeps_no_other_from_its_end(bench: Bench) -> None:
    bench.plan([spec for rung in "abcd" for spec in family(rung)])
    executor = FakeExecutor(lambda job: "killed by SIGSEGV" if job.spec.run == "a-trunk-s0" else whole(job))
    summary = bench.session(executor)
    assert (summary.done, summary.failed, summary.problem) == (9, 3, "")


def test_only_quick_ends_for_one_reason_and_without_a_step_between_are_a_loop() -> None:
    loop = CrashLoop()
    for number in range(CRASHES - 1):
        loop.crashed(f"run-{number % 2}", f"pid {number} of run-{number % 2}: no room", 1.0)
    assert not loop.found
    loop.moved()
    for number in range(CRASHES - 1):
        loop.crashed(f"run-{number % 2}", f"pid {number} of run-{number % 2}: no room", 1.0)
    assert not loop.found, "somebody took a step in between"
    loop.crashed("run-9", "pid 9 of run-9: no room", 1.0)
    assert loop.found and loop.reason == "pid 9 of run-9: no room"
    loop.crashed("run-9", "another reason", 1.0)
    assert not loop.found
    for number in range(3 * CRASHES):
        loop.crashed(f"run-{number}", "late", 60.0)
    assert not loop.found, "who lived for a minute has not ended at its start"


def test_a_loop_of_one_run_is_left_to_its_retries() -> None:
    loop = CrashLoop()
    for _ in range(3 * CRASHES):
        loop.crashed("run", "no room", 0.1)
    assert not loop.found
