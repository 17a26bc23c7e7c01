"""A real, very small lab on a disk that fills up, without descriptors, on a store that others hold: it waits, loses
nothing, and says why where everybody can see it.
"""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scalelab.lab import control
from scalelab.lab.hooks import Hooks
from scalelab.lab.paths import LabPaths
from scalelab.store.reader import Reader
from tests.lab import mini
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, family
from tests.reliability.disks import SmallDisk, small_disk
from tests.reliability.tally import Tally


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", "8m") as made:
        yield made


def _points(paths: LabPaths) -> list[tuple[str, int, float]]:
    with Reader(paths.store) as reader:
        return [(point.run, point.step, point.loss) for row in reader.runs() for point in reader.points(row.run)]


def test_row_09_a_lab_on_a_disk_that_fills_up_waits_with_a_banner_and_loses_no_row(
    disk: SmallDisk, whole: LabPaths, text: Path, tally: Tally
) -> None:
    n, expected = tally.repeats(1, 10), {**mini.results(whole), "points": _points(whole)}
    lost = sum(_fill_while_it_trains(disk, disk.root / f"lab{trial}", text, trial) != expected for trial in range(n))
    tally.count(9, "labs on a disk that fills up which lost a row, a point or a bit", lost, of=n, promised="0")
    assert lost == 0


def _fill_while_it_trains(disk: SmallDisk, root: Path, text: Path, trial: int) -> dict[str, Any]:
    """What came of a lab whose disk was full for a while."""
    paths, watch, banners = mini.make(root, text), mini.Watch(), []
    waited = 0

    def on_tick(reader: Reader) -> None:
        nonlocal waited
        if watch.struck is None and len(reader.latest_points()) >= 1 + trial % 4:
            watch.struck = 0
            disk.fill()
        elif watch.struck is not None and watch.told("warning"):
            waited += 1
            # What a worker takes away may make room for a moment, in which the session writes and says nothing.
            banners.append(control.status(paths.root).waiting)
            if waited >= 4 and any(banners):
                disk.make_room()

    hooks = Hooks(on_event=watch.event, on_tick=on_tick)
    summary = control.start(None, paths.root, hooks=hooks, checkpoint_seconds=mini.CHECKPOINT_SECONDS)
    assert summary.done == 6 and not watch.told("retry")
    assert any("disk full" in line for line in watch.told("warning"))
    said = [each for each in banners if each]
    assert said and all("paused: disk full" in each for each in said)
    assert control.status(paths.root).waiting == ""
    found = {**mini.results(paths), "points": _points(paths)}
    shutil.rmtree(paths.root)
    return found


def test_row_10_no_descriptors_for_a_while_cost_no_attempt(text: Path, tmp_path: Path) -> None:
    paths = mini.make(tmp_path / "lab", text)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    watch = mini.Watch()

    def on_event(kind: str, line: str) -> None:
        watch.events.append((kind, line))
        if kind == "start" and watch.struck is None:
            watch.struck = 0
            lowest_free = os.dup(0)
            os.close(lowest_free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, before[1]))
        elif kind == "warning":
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    try:
        summary = control.start(None, paths.root, hooks=Hooks(on_event=on_event))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert summary.done == 6
    assert [line for kind, line in watch.events if kind == "warning" and "too many open files" in line.lower()]
    assert not watch.told("retry") and not watch.told("failed")
    with Reader(paths.store) as reader:
        assert {row.attempt for row in reader.runs()} == {1}


def test_row_13_training_is_held_while_a_store_takes_nothing_and_not_while_it_is_busy(bench: Bench) -> None:
    bench.plan(family("a"))
    foreign = sqlite3.connect(bench.paths.store, isolation_level=None)
    held: list[bool] = []

    def beat(it: FakeExecutor) -> None:
        if it.beats == 5:
            foreign.execute("BEGIN IMMEDIATE")
        if 10 < it.beats < 15:
            held.append(any(worker.held for worker in it.started))
        if it.beats == 15:
            foreign.execute("COMMIT")

    assert bench.session(FakeExecutor(on_beat=beat)).done == 3
    foreign.close()
    assert held == [False] * 4


_HOLD_ALL = """
import sqlite3, sys, time
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_row_13_who_asks_is_told_that_the_store_is_busy(text: Path, tmp_path: Path) -> None:
    paths = mini.make(tmp_path / "lab", text)
    watch, seen = mini.Watch(), []
    foreign: list[subprocess.Popen[bytes]] = []

    def on_tick(reader: Reader) -> None:
        if not foreign and reader.latest_points():
            command = [sys.executable, "-c", _HOLD_ALL, str(paths.store)]
            foreign.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
            assert foreign[0].stdout is not None
            foreign[0].stdout.readline()
        elif foreign and not seen and (told := control.status(paths.root).waiting):
            seen.append(told)
            foreign[0].communicate()

    assert control.start(None, paths.root, hooks=Hooks(on_event=watch.event, on_tick=on_tick)).done == 6
    assert seen and seen[0].startswith("store busy") and "locked" in seen[0]
    assert control.status(paths.root).waiting == ""
    assert not watch.told("retry")
