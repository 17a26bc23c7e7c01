"""A store that grows as another grew: at every moment what was there then, and in the end all of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from scalelab.errors import ScalelabError
from scalelab.records import RunState
from scalelab.store.playback import Playback
from scalelab.store.reader import Reader
from tests.replay.labs import CRASHED, LEFT, NIGHT, RecordedLab
from tests.store import fixtures


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RecordedLab(tmp_path_factory.mktemp("labs") / "grown").record() / "lab.db"


@pytest.fixture
def playing(source: Path, tmp_path: Path) -> Iterator[Playback]:
    with closing(Playback(source, tmp_path / "lab.db", late=("fitted_runs",))) as made:
        yield made


def dump(path: Path, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return sorted(db.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)


def moments(playing: Playback) -> list[float]:
    """Moments that are spread over what happens, not over the night."""
    starts = sorted({each.start for each in playing.attempts} | {each.last for each in playing.attempts})
    return sorted(start + part for start in starts for part in (-0.005, 0.0, 0.005, 0.31))


def test_at_first_there_is_the_plan_and_nothing_else(source: Path, playing: Playback, tmp_path: Path) -> None:
    with Reader(tmp_path / "lab.db") as reader, Reader(source) as whole:
        assert [row.spec for row in reader.runs()] == [row.spec for row in whole.runs()]
        assert {row.state for row in reader.runs()} == {RunState.PLANNED}
        assert all((row.attempt, row.step) == (0, row.spec.first_step) for row in reader.runs())
        assert reader.meta("preset") == whole.meta("preset")
        assert not reader.states() and not reader.fits() and not reader.points_since()[0]


def test_every_moment_has_what_the_recording_had_then(source: Path, playing: Playback, tmp_path: Path) -> None:
    starts = {(each.run, each.attempt): each.start for each in playing.attempts}
    with Reader(source) as whole, Reader(tmp_path / "lab.db") as reader:
        points, _ = whole.points_since()
        changes, fits = whole.states(), whole.fits()
        for now in moments(playing):
            playing.advance(now)
            past = [change for change in changes if change.time <= now]
            assert reader.states() == past
            states = {change.run: (change.state, change.attempt, change.reason) for change in past}
            there = {row.run: (row.state, row.attempt, row.reason) for row in reader.runs() if row.run in states}
            assert there == states
            seen = {(point.run, point.step) for point in reader.points_since()[0]}
            # An end is told after all that came before it, whatever the worker's own clock said.
            over = {(change.run, change.attempt) for change in past if change.state is not RunState.RUNNING}
            wanted = {
                (point.run, point.step)
                for point in points
                if (start := starts[point.run, point.attempt]) <= now
                and (start + point.seconds <= now or (point.run, point.attempt) in over)
            }
            assert seen == wanted
            assert [fit.id for fit in reader.fits()] == [fit.id for fit in fits if fit.time <= now]
            done = {run for run, (state, *_) in states.items() if state is RunState.DONE}
            assert {each.run for each in reader.finals()} == {run for run in done if not run.endswith("trunk-s0")}
            for said in reader.predictions():
                assert (said.observed is not None) == (said.run in done)


def test_new_points_come_after_the_cursor(playing: Playback, tmp_path: Path) -> None:
    with Reader(tmp_path / "lab.db") as reader:
        cursor, seen = 0, []
        for now in moments(playing):
            playing.advance(now)
            new, cursor = reader.points_since(cursor)
            seen += [(point.run, point.step) for point in new]
        playing.advance(playing.last)
        new, _ = reader.points_since(cursor)
        seen += [(point.run, point.step) for point in new]
        assert len(seen) == len(set(seen)) == len(reader.points_since()[0])


@pytest.mark.parametrize("looks", [1, 7])
def test_in_the_end_it_has_all_that_the_recording_has(
    source: Path, playing: Playback, tmp_path: Path, looks: int
) -> None:
    for look in range(1, looks + 1):
        playing.advance(playing.first + (playing.last - playing.first) * look / looks)
    for table in ("meta", "run", "state_change", "fit", "prediction", "checkpoint", "usage", "seal"):
        assert dump(tmp_path / "lab.db", table) == dump(source, table), table
    with Reader(source) as reader:
        names = list(reader.latest_points())
        for run in names:
            with Reader(tmp_path / "lab.db") as copy:
                assert copy.points(run) == reader.points(run)
                assert copy.evaluations(run) == reader.evaluations(run)
    assert {CRASHED, LEFT} <= set(names)


def test_attempts_say_when_somebody_was_at_work(playing: Playback) -> None:
    first, second = [each for each in playing.attempts if each.run == CRASHED]
    assert first.end is not None and first.end - first.last > NIGHT - 5
    assert (first.state, second.state) == (RunState.FAILED, RunState.DONE)
    assert second.start > first.end
    (left,) = [each for each in playing.attempts if each.run == LEFT]
    assert (left.end, left.state) == (None, None)
    assert playing.last >= left.last > left.start


@pytest.mark.parametrize("version", fixtures.versions())
def test_stores_of_every_version_are_played_and_left_as_they_were(tmp_path: Path, version: int) -> None:
    fixtures.load(version, old := tmp_path / "old.db")
    before = old.read_bytes()
    with closing(Playback(old, tmp_path / "lab.db")) as made:
        made.advance(made.last)
        with Reader(tmp_path / "lab.db") as reader, Reader(old) as whole:
            assert [row.to_dict() for row in reader.runs()] == [row.to_dict() for row in whole.runs()]
            assert reader.states() == whole.states()
            assert reader.points_since()[0] == whole.points_since()[0]
    assert old.read_bytes() == before


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    with pytest.raises(ScalelabError, match="there is no lab"):
        Playback(tmp_path / "lab" / "lab.db", tmp_path / "copy.db")
