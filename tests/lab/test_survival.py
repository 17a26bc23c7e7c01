"""A real, very small lab is killed in every way; the same call completes it, equal to one that nobody disturbed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from scalelab.errors import BadInput
from scalelab.lab import control
from scalelab.lab.hooks import Hooks
from scalelab.lab.lock import Owned
from scalelab.lab.paths import LabPaths
from scalelab.store.reader import Reader
from tests.lab import mini
from tests.reliability.tally import Tally


def test_a_lab_that_nobody_disturbs_keeps_its_models_and_what_its_slots_used(whole: LabPaths) -> None:
    with Reader(whole.store) as reader:
        usage = reader.usage()
    # A worker looks half a second after its start; on a fast machine that of one slot may have ended by then.
    assert usage and usage.keys() <= {0, 1}
    assert all(5e7 < each.memory_used < each.memory_total and each.utilisation for each in usage.values())
    assert len(mini.results(whole)["weights"]) == 4


def test_a_killed_worker_goes_on_a_suspended_one_is_waited_for_and_all_ends_equal(
    whole: LabPaths, text: Path, tmp_path: Path
) -> None:
    paths = mini.make(tmp_path / "lab", text)
    watch = mini.Watch()

    def on_tick(reader: Reader) -> None:
        watch.measure()
        if watch.struck is None and len(watch.workers) == 2 and reader.checkpoints():
            watch.struck = 0
            watch.workers[0].kill()
            watch.workers[1].suspend()
        elif watch.struck is not None:
            watch.struck += 1
            if watch.struck == 3:
                watch.workers[1].resume()

    descriptors = psutil.Process().num_fds()
    summary = control.start(
        None,
        paths.root,
        hooks=Hooks(on_event=watch.event, on_tick=on_tick),
        checkpoint_seconds=mini.CHECKPOINT_SECONDS,
    )
    assert summary.done == 6
    (retried,) = watch.told("retry")
    assert retried.startswith(watch.runs[0]) and "SIGKILL" in retried
    assert mini.results(paths) == mini.results(whole)
    assert psutil.Process().num_fds() <= descriptors, "descriptors are left open"
    planned = mini.planned(text).cells[-1].memory_bytes
    assert 0.7 < max(watch.memory) / planned < 1.3, "a worker holds another memory than planned"


def test_a_stop_that_is_asked_for_does_not_wait_for_a_suspended_worker(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scalelab.lab.ending.PATIENCE_SECONDS", 0.5)
    paths = mini.make(tmp_path / "lab", text)
    watch = mini.Watch()

    def on_tick(reader: Reader) -> None:
        if watch.struck is None and len(watch.workers) == 2 and reader.latest_points():
            watch.struck = 0
            watch.workers[0].suspend()
            assert control.request_stop(paths.root) == os.getpid()

    summary = control.start(None, paths.root, hooks=Hooks(on_event=watch.event, on_tick=on_tick))
    assert summary.interrupted and summary.left == 6 and summary.seconds < 20
    assert not mini.alive(watch.workers)
    assert control.status(paths.root).states == {"stopped": 2, "planned": 4}


def test_killed_supervisors_leave_no_orphans_and_the_same_call_ends_equal(
    whole: LabPaths, text: Path, tmp_path: Path, tally: Tally
) -> None:
    paths = mini.make(tmp_path / "lab", text)
    pid = control.start_detached(None, paths.root)
    assert os.getsid(pid) == pid
    with pytest.raises(Owned, match=str(pid)):
        control.start(None, paths.root)
    _strike(paths, pid, lambda: os.kill(pid, signal.SIGKILL), tally, seen_by_others=True)
    assert control.status(paths.root).pid is None
    for number, strike, code in ((signal.SIGKILL, os.killpg, -signal.SIGKILL), (signal.SIGINT, os.killpg, 130)):
        child = mini.supervise(paths)
        _strike(paths, child.pid, partial(strike, child.pid, number), tally)
        assert (child.wait(20), child.stderr and child.stderr.read()) == (code, b"")
    assert "running" not in control.status(paths.root).states
    summary = control.start(None, paths.root)
    assert summary.done == 6
    assert mini.results(paths) == mini.results(whole)
    with Reader(paths.store) as reader:
        assert len(reader.finals()) == 4
        keys = [(point.run, point.step) for row in reader.runs() for point in reader.points(row.run)]
        assert len(set(keys)) == len(keys)
    again = control.start(None, paths.root)
    assert (again.done, again.left) == (6, 0)
    assert mini.results(paths) == mini.results(whole)


def _strike(paths: LabPaths, pid: int, blow: Callable[[], None], tally: Tally, *, seen_by_others: bool = False) -> None:
    """Let a supervisor work for a while, strike it, and see what is left of it."""
    before = mini.steps(paths)
    mini.wait_for(lambda: mini.steps(paths) >= before + 40 or not psutil.pid_exists(pid), 60, "new points")
    if seen_by_others:
        seen = control.status(paths.root)
        assert seen.pid == pid and seen.states["running"] >= 1 and seen.seconds_left > 0
    acknowledged = mini.steps(paths)
    with mini.family_of(pid) as family:
        assert len(family) >= 4  # itself, the forkserver, workers
        blow()
        mini.wait_for(lambda: not mini.alive(family[1:]), tally.within(2.0), "end of all workers")
        mini.wait_for(lambda: not mini.alive(family), 15, "end of the supervisor")
    assert mini.steps(paths) >= acknowledged


def test_another_preset_is_refused_by_its_first_field(text: Path, tmp_path: Path) -> None:
    paths = mini.make(tmp_path / "lab", text)
    other = mini.preset(text, ladder={"shapes": ["8x1", "32x1"]})
    with pytest.raises(BadInput, match=r"ladder\.shapes = \['8x1', '16x1'\]") as refused:
        control.start(other, paths.root)
    assert "--lab" in refused.value.todo


def test_row_18_a_corpus_that_changed_or_went_between_starts_is_refused_by_hash(tmp_path: Path, tally: Tally) -> None:
    silent = 0
    n = tally.repeats(3, 20)
    for trial in range(n):
        text = tmp_path / f"mine{trial}.txt"
        mini.write_text(text, seed=1)
        paths = mini.make(tmp_path / f"lab{trial}", text)
        content = bytearray(text.read_bytes())
        content[(7919 * trial) % len(content)] ^= 1  # one bit of one letter, at the same length
        text.write_bytes(bytes(content))
        with pytest.raises(BadInput, match="changed"):
            control.start(None, paths.root)
        text.unlink()
        with pytest.raises(BadInput):
            control.start(None, paths.root)
        with Reader(paths.store) as reader:
            silent += {row.state.value for row in reader.runs()} != {"planned"}
    tally.count(18, "labs that went on with another text", silent, of=n, promised="0")
    assert silent == 0
