"""A real, very small lab is killed in every way; the same call completes it, equal to one that nobody disturbed."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from scalelab.errors import BadInput
from scalelab.lab import control
from scalelab.lab.hooks import Hooks
from scalelab.lab.lock import Owned
from scalelab.lab.paths import LabPaths
from scalelab.store.reader import Reader
from tests.lab import mini

ORPHANS_SECONDS = 2.0


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    os.environ["SCALELAB_CACHE"] = str(folder / "cache")
    mini.write_text(folder / "text.txt")
    return folder / "text.txt"


@pytest.fixture(scope="module")
def undisturbed(text: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    paths = mini.make(tmp_path_factory.mktemp("undisturbed") / "lab", text)
    summary = control.start(None, paths.root, checkpoint_seconds=mini.CHECKPOINT_SECONDS)
    assert (summary.done, summary.total) == (6, 6)
    found = mini.results(paths)
    assert len(found["weights"]) == 4
    return found


def test_a_killed_worker_is_noticed_and_its_run_ends_equal(
    undisturbed: dict[str, Any], text: Path, tmp_path: Path
) -> None:
    paths = mini.make(tmp_path / "lab", text)
    events: list[tuple[str, str]] = []
    pids: list[int] = []
    held: list[int] = []

    def on_event(kind: str, line: str) -> None:
        events.append((kind, line))
        if kind == "start":
            pids.append(int(line.rpartition(" ")[2]))

    def on_tick(reader: Reader) -> None:
        if len(pids) == 2 and len(reader.checkpoints()) >= 1 and not any(kind == "retry" for kind, _ in events):
            os.kill(pids[0], signal.SIGKILL)

        for pid in pids[-2:]:
            with contextlib.suppress(psutil.Error):
                held.append(psutil.Process(pid).memory_info().rss)

    summary = control.start(
        None, paths.root, hooks=Hooks(on_event=on_event, on_tick=on_tick), checkpoint_seconds=mini.CHECKPOINT_SECONDS
    )
    assert summary.done == 6
    assert 0.7 < max(held) / mini.planned(text).cells[-1].memory_bytes < 1.3, (
        "the plan's memory is not what a worker holds"
    )
    assert any(kind == "retry" and "SIGKILL" in line for kind, line in events), events
    assert mini.results(paths) == undisturbed


def test_killed_supervisors_leave_no_orphans_and_the_same_call_ends_equal(
    undisturbed: dict[str, Any], text: Path, tmp_path: Path
) -> None:
    paths = mini.make(tmp_path / "lab", text)
    _interrupt(paths, lambda child: child.kill(), more_points=40, code=-signal.SIGKILL)
    _interrupt(paths, lambda child: os.killpg(child.pid, signal.SIGKILL), more_points=40, code=-signal.SIGKILL)
    _interrupt(paths, lambda child: os.killpg(child.pid, signal.SIGINT), more_points=40, code=130)
    summary = control.start(None, paths.root)
    assert summary.done == 6
    assert mini.results(paths) == undisturbed
    with Reader(paths.store) as reader:
        assert len(reader.finals()) == 4
        keys = [(point.run, point.step) for row in reader.runs() for point in reader.points(row.run)]
        assert len(set(keys)) == len(keys)
    again = control.start(None, paths.root)
    assert (again.done, again.left) == (6, 0)
    assert mini.results(paths) == undisturbed


def _interrupt(paths: LabPaths, blow: Any, *, more_points: int, code: int) -> None:
    """Let a supervisor work for a while, strike it, and see what is left of it."""
    before = mini.steps(paths)
    child = mini.supervise(paths)
    mini.wait_for(lambda: mini.steps(paths) >= before + more_points or child.poll() is not None, 60, "new points")
    assert child.poll() is None, child.stderr and child.stderr.read()
    acknowledged = mini.steps(paths)
    with mini.family_of(child.pid) as family:
        assert len(family) >= 4  # itself, the forkserver, workers
        blow(child)
        _, said = child.communicate(timeout=20)
        mini.wait_for(lambda: not mini.alive(family), ORPHANS_SECONDS, "end of all workers")
    assert (child.returncode, said) == (code, b"")
    assert mini.steps(paths) >= acknowledged


def test_detached_training_goes_on_is_seen_by_others_and_stops_when_asked(text: Path, tmp_path: Path) -> None:
    paths = mini.make(tmp_path / "lab", text)
    pid = control.start_detached(None, paths.root)
    try:
        assert os.getsid(pid) == pid
        with pytest.raises(Owned, match=str(pid)):
            control.start(None, paths.root)
        mini.wait_for(lambda: mini.steps(paths) > 30, 60, "points")
        seen = control.status(paths.root)
        assert seen.pid == pid and seen.states["running"] >= 1 and seen.seconds_left > 0
        with mini.family_of(pid) as family:
            assert control.request_stop(paths.root) == pid
            mini.wait_for(lambda: not mini.alive(family), 15, "end of the supervisor")
    finally:
        if mini.alive([*family]):
            os.kill(pid, signal.SIGKILL)
    seen = control.status(paths.root)
    assert seen.pid is None and "running" not in seen.states


def test_another_preset_is_refused_by_its_first_field(text: Path, tmp_path: Path) -> None:
    paths = mini.make(tmp_path / "lab", text)
    other = mini.preset(text, ladder={"shapes": ["8x1", "32x1"]})
    with pytest.raises(BadInput, match=r"ladder\.shapes = \['8x1', '16x1'\]") as refused:
        control.start(other, paths.root)
    assert "--lab" in refused.value.todo


def test_a_changed_corpus_is_refused_by_hash(tmp_path: Path) -> None:
    text = tmp_path / "mine.txt"
    mini.write_text(text, seed=1)
    paths = mini.make(tmp_path / "lab", text)
    mini.write_text(text, seed=2)
    with pytest.raises(BadInput, match="changed"):
        control.start(None, paths.root)
    text.unlink()
    with pytest.raises(BadInput):
        control.start(None, paths.root)
    with Reader(paths.store) as reader:
        assert {row.state.value for row in reader.runs()} == {"planned"}
