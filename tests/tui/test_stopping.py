"""The header of a lab that is being stopped says so, and how."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scalelab.lab import lock
from scalelab.lab.paths import LabPaths
from scalelab.lab.status import status
from scalelab.records import RunState
from scalelab.tui.header import left_words, state_words
from scalelab.tui.snapshot import Watch
from tests.simulated import SimulatedLab


def test_the_header_says_that_a_session_is_ending_and_how_until_it_has(tmp_path: Path) -> None:
    lab = SimulatedLab(tmp_path / "smoke")
    with lock.acquire(LabPaths(lab.folder).lock), Watch(lab.folder) as watch:
        first = watch.poll()
        assert first is not None and state_words(first)[0] == "training 0 of 9"
        lab.writer.set_meta("stopping", "after the current runs")
        now = watch.poll()
        assert now is not None and now.versions.rows > first.versions.rows
        assert state_words(now)[0] == "stopping (after the current runs) 0 of 9"
    with Watch(lab.folder) as watch:
        over = watch.poll()
        assert over is not None and over.stopping == "", "a supervisor that was killed is not stopping for ever"
    lab.close()


def test_the_time_left_is_that_of_what_this_session_trains(tmp_path: Path) -> None:
    lab = SimulatedLab(tmp_path / "smoke")
    with lock.acquire(LabPaths(lab.folder).lock):
        assert status(lab.folder).seconds_left > 0
        for run in lab.specs:
            lab.writer.set_state(run, 1, RunState.FAILED, "killed")
        assert status(lab.folder).seconds_left == 0, "nobody tries them again now"
    assert status(lab.folder).seconds_left > 0, "the next session does"
    lab.close()


def test_a_lab_that_is_stopping_tells_no_time_left(tmp_path: Path) -> None:
    lab = SimulatedLab(tmp_path / "smoke")
    with lock.acquire(LabPaths(lab.folder).lock), Watch(lab.folder) as watch:
        shot = watch.poll()
        assert shot is not None and left_words(shot).endswith(" left")
        assert left_words(replace(shot, stopping="after the current runs")) == ""
    lab.close()
