"""Clocks that jump: durations are monotonic, orders are those of rows, and who asks after a jump is heard."""

from __future__ import annotations

import itertools
import re
import time
from itertools import pairwise
from pathlib import Path

import pytest

import scalelab
from scalelab.corpora import cache
from scalelab.records import Point, RunState
from scalelab.store.requests import ask
from tests.lab.bench import Bench
from tests.lab.samples import FakeExecutor, family
from tests.reliability.tally import Tally
from tests.training.making import make_spec, make_tokens, run

DAY = 86_400.0
_DIFFERENCE = re.compile(r"time\.time\(\)\s*-|-\s*time\.time\(\)")
_SHOWN = {"lab/status.py": "max(", "corpora/cache.py": "st_mtime", "lab/scratch.py": "st_mtime"}
"""Where a wall clock is subtracted from: an age that is shown, and the age of a file."""


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock that is a day off, this way or that, whenever it is read."""
    now, jumps = time.time, itertools.cycle((0.0, DAY, -DAY, 30 * DAY, -2 * DAY))
    monkeypatch.setattr(time, "time", lambda: now() + next(jumps))


def test_row_15_no_duration_is_the_difference_of_wall_clocks() -> None:
    root = Path(scalelab.__file__).parent
    for path in root.rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if _DIFFERENCE.search(line):
                allowed = _SHOWN.get(str(path.relative_to(root)))
                assert allowed and allowed in line, f"{path}: {line.strip()}"


def test_row_15_a_run_under_a_jumping_clock_has_the_same_curve_and_no_negative_duration(
    jumping: None, tmp_path: Path, tally: Tally
) -> None:
    tokens = make_tokens(tmp_path / "tokens")
    outcome, heard = run(make_spec(), tokens, tmp_path / "run", checkpoint_seconds=0.0)
    points = heard.of(Point)
    negative = sum(point.tokens_per_second <= 0 for point in points)
    negative += sum(after.seconds < before.seconds for before, after in pairwise(points))
    tally.count(15, "points with a negative duration under a clock that jumps days", negative, of=40, promised="0")
    assert outcome.state is RunState.DONE and len(points) == 40 and negative == 0


def test_row_15_a_session_under_a_jumping_clock_ends_and_its_history_keeps_its_order(
    jumping: None, bench: Bench
) -> None:
    bench.plan(family("a"))
    summary = bench.session(FakeExecutor())
    assert summary.done == 3 and summary.seconds >= 0
    assert bench.states("a-trunk-s0") == ["running", "done"]
    with bench.reader() as reader:
        assert [point.step for point in reader.points("a-trunk-s0")] == list(range(1, 21))


def test_row_15_a_stop_that_is_asked_for_after_the_clock_was_set_back_is_heard(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plan(family("a"))
    now = time.time

    def beat(it: FakeExecutor) -> None:
        if it.beats == 3:
            monkeypatch.setattr(time, "time", lambda: now() - DAY)
            ask(bench.paths.store, "stop")

    summary = bench.session(FakeExecutor(on_beat=beat), since=now())
    assert summary.interrupted and summary.left > 0


def test_row_15_what_another_process_makes_in_the_token_cache_is_not_swept_when_the_clock_jumps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{cache._TEMPORARY}killed").mkdir()
    now = time.time
    with cache.workshop(tmp_path) as mine:
        (mine / "train.bin").touch()
        monkeypatch.setattr(time, "time", lambda: now() + 30 * DAY)
        with cache.workshop(tmp_path) as theirs:
            assert sorted(tmp_path.glob(f"{cache._TEMPORARY}*")) == sorted([mine, theirs])
        assert (mine / "train.bin").exists()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    from scalelab.lab.paths import LabPaths

    return Bench(LabPaths(tmp_path))
