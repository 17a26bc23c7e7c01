"""Workers that hang, for real: ended, tried again, given up; and those that are only suspended, who are waited for."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from scalelab.lab import control
from scalelab.lab.hooks import Hooks
from scalelab.lab.paths import LabPaths
from scalelab.records import RunState
from scalelab.store.reader import Reader
from tests.lab import mini
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, family

ONE = {"ladder": {"shapes": ["8x1"]}, "budgets": {"tokens": [16_000]}}
TRUNK = "8x1-trunk-s0"
_HANGS = """
# Makes one step of one worker wait for ever, when a file says so.
import os, sys, threading, time

def patch():
    while not hasattr(module := sys.modules.get("scalelab.training.batches"), "Batches"):
        time.sleep(0.005)
    batch = module.Batches.batch

    def hanging(self, step):
        if step == 60:
            try:
                os.unlink({trigger!r})
            except FileNotFoundError:
                pass
            else:
                while True:
                    time.sleep(60)
        return batch(self, step)

    module.Batches.batch = hanging

words = " ".join(sys.orig_argv)
if "forkserver" in words:
    threading.Thread(target=patch, daemon=True).start()
elif "driver.py" in words:
    import scalelab.lab.crew
    scalelab.lab.crew.LINGER_SECONDS = 1.0
"""


def _reasons(paths: LabPaths, run: str = TRUNK) -> list[str]:
    with Reader(paths.store) as reader:
        return [change.reason for change in reader.states(run) if change.state is RunState.FAILED]


def test_row_16_a_worker_that_stands_still_between_two_steps_is_ended_and_its_run_goes_on(
    text: Path, tmp_path: Path
) -> None:
    paths, trigger = mini.make(tmp_path / "lab", text, **ONE), tmp_path / "trigger"
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(_HANGS.format(trigger=str(trigger)))
    trigger.touch()
    child = mini.supervise(paths, hang_seconds=1.5, modules=modules)
    assert child.wait(90) == 0 and not trigger.exists()
    (reason,) = _reasons(paths)
    assert reason.startswith("hung: no step for "), reason
    assert control.status(paths.root).states == {"done": 2}


def test_row_16_a_worker_that_does_not_even_end_when_asked_is_killed_and_after_two_retries_given_up(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scalelab.lab.pulse._FIRST", 2.0)
    monkeypatch.setattr("scalelab.lab.crew.LINGER_SECONDS", 0.3)
    paths = mini.make(tmp_path / "lab", text, **ONE)
    paths.run_dir(TRUNK).mkdir(parents=True)
    os.mkfifo(paths.run_dir(TRUNK) / "log.txt")  # without a reader, opening it never ends
    watch = mini.Watch()
    summary = control.start(None, paths.root, hooks=Hooks(on_event=watch.event), hang_seconds=1.0)
    assert (summary.failed, summary.done) == (2, 0)
    assert watch.runs == [TRUNK] * 3 and not mini.alive(watch.workers)
    assert all("hung" in reason and "SIGKILL" in reason for reason in _reasons(paths)) and len(_reasons(paths)) == 3
    (paths.run_dir(TRUNK) / "log.txt").unlink()
    assert control.start(None, paths.root).done == 2, "what was mended goes on"


def test_row_06_a_whole_session_that_is_suspended_longer_than_its_patience_has_not_hung(
    text: Path, tmp_path: Path
) -> None:
    paths = mini.make(tmp_path / "lab", text, **ONE)
    child = mini.supervise(paths, hang_seconds=0.5)
    mini.wait_for(lambda: mini.steps(paths) > 5, 60, "points")
    with mini.family_of(child.pid) as members:
        for one in members:
            one.suspend()
        time.sleep(2.0)
        for one in members:
            one.resume()
    assert child.wait(120) == 0
    with Reader(paths.store) as reader:
        assert [change.reason for change in reader.states() if change.state is RunState.FAILED] == []
    assert control.status(paths.root).states == {"done": 2}


def test_row_06_a_worker_that_somebody_has_stopped_is_waited_for(text: Path, tmp_path: Path) -> None:
    # Long enough to be under way still when it is stopped, however fast the machine.
    longer = ONE | {"budgets": {"tokens": [160_000]}}
    paths, watch = mini.make(tmp_path / "lab", text, **longer), mini.Watch()
    stopped_at = 0.0

    def on_tick(reader: Reader) -> None:
        nonlocal stopped_at
        if watch.struck is None and reader.latest_points():
            watch.struck, stopped_at = 0, time.monotonic()
            watch.workers[0].suspend()
        elif watch.struck == 0 and time.monotonic() - stopped_at > 2.5:
            watch.struck = 1
            watch.workers[0].resume()

    hooks = Hooks(on_event=watch.event, on_tick=on_tick)
    assert control.start(None, paths.root, hooks=hooks, hang_seconds=0.8).done == 2
    assert watch.struck == 1 and watch.told("retry") == []


def test_what_not_even_a_kill_ends_gives_its_slot_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake: no process here can be made to outlive SIGKILL."""
    monkeypatch.setattr("scalelab.lab.pulse._FIRST", 1.0)
    monkeypatch.setattr("scalelab.lab.crew.LINGER_SECONDS", 0.05)
    monkeypatch.setattr("scalelab.lab.supervisor._slowest_step", lambda _: 0.0)
    bench.plan(family("a", (10,))[:1])

    def beat(it: FakeExecutor) -> None:
        time.sleep(0.005)
        for worker in it.started:
            worker.script, worker.ended = [], lambda: None  # type: ignore[method-assign]

    executor = FakeExecutor(on_beat=beat)
    assert bench.session(executor, hang_seconds=0.4).failed == 1
    assert len(executor.started) == 3 and all(worker.terminated and worker.killed for worker in executor.started)
    with bench.reader() as reader:
        row = reader.run("a-trunk-s0")
    assert row is not None and "not even by SIGKILL" in row.reason
