"""One frame of a lab that trains, at every size of terminal."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from scalelab.cli.live import Follower
from scalelab.records import RunState
from scalelab.report import progress
from scalelab.report.progress import LawStep, Snapshot
from scalelab.store.reader import Reader
from tests.simulated import LARGER, SimulatedLab


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Half of the tiny plan done, two runs under way, one diverged."""
    lab = SimulatedLab(tmp_path_factory.mktemp("labs") / "tiny", LARGER)
    names = list(lab.specs)
    for name in names[:12]:
        lab.finish(name)
    lab.end(names[3], RunState.DIVERGED, "the loss is NaN at step 312")
    lab.train(names[12], 0.5)
    lab.train(names[13], 0.25)
    lab.refit(names[11])
    with Reader(lab.folder / "lab.db") as reader:
        return Follower("tiny").snapshot(reader)


@pytest.mark.parametrize("size", [(80, 24), (200, 50), (120, 40), (50, 24), (30, 10), (20, 5), (10, 3)])
def test_a_frame_fits_its_terminal(shot: Snapshot, size: tuple[int, int]) -> None:
    lines = progress.lines(shot, *size)
    assert len(lines) <= size[1]
    assert max(map(len, lines)) <= size[0]


def test_what_runs_stands_first_then_what_went_wrong(shot: Snapshot) -> None:
    states = [line.split()[0] for line in progress.lines(shot, 80, 40)[4:]]
    assert states[:3] == ["running", "running", "diverged"]
    assert states[-1] == "planned"


def test_runs_that_do_not_fit_are_counted(shot: Snapshot) -> None:
    lines = progress.lines(shot, 80, 12)
    shown = [line for line in lines if line.split(" ")[0] in {"running", "done", "planned", "diverged"}]
    assert lines[-1].startswith("… ")
    counted = sum(int(part.split()[0]) for part in lines[-1].removeprefix("… ").split(", "))
    assert counted + len(shown) == len(shot.rows)


def test_a_running_run_shows_loss_speed_share_of_the_peak_and_time(shot: Snapshot) -> None:
    line = progress.lines(shot, 120, 40)[4]
    for words in ("━", " 50 %", "30 %", "s"):
        assert words in line
    head = progress.lines(shot, 120, 40)[3]
    assert head.split() == ["state", "run", "D", "loss", "tok/s", "MFU", "left"]


def test_a_narrow_terminal_gives_up_columns_from_the_least_needed(shot: Snapshot) -> None:
    heads = [progress.lines(shot, width, 40)[3].split() for width in (80, 70, 60, 50)]
    assert all(set(narrow) <= set(wide) for wide, narrow in pairwise(heads))
    assert heads[-1][:2] == ["state", "run"]


def test_the_law_is_shown_as_it_moved(shot: Snapshot) -> None:
    first = LawStep(n_runs=6, alpha=-0.056, beta=-0.15, best="power", loss=2.0, low=1.9, high=2.1, flops=1e12)
    steps = [first, replace(first, n_runs=7, alpha=-0.057), replace(first, n_runs=8, alpha=-0.058)]
    line = progress.lines(replace(shot, laws=steps), 120, 40)[1]
    assert line == "law of 8: α −0.056 → −0.057 → −0.058, β −0.150 → −0.150 → −0.150   10×C: 2.00 [1.90, 2.10]"
    assert progress.lines(replace(shot, laws=steps), 60, 40)[1].startswith("law of 8: α −0.058, β −0.150")


def test_before_a_law_it_says_when_there_will_be_one(tmp_path: Path) -> None:
    lab = SimulatedLab(tmp_path / "new")
    with Reader(lab.folder / "lab.db") as reader:
        lines = progress.lines(Follower("new").snapshot(reader), 80, 24)
    assert lines[1] == "no law yet: the first comes with 6 finished points"
