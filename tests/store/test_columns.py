"""Points as columns: what the records say, and of very many what a screen could show of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scalelab.records import Point
from scalelab.store import columns
from scalelab.store.columns import Columns
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.store.samples import point, spec

LONG, OTHER = "16x1-D1k-s0", "24x1-D1k-s0"


def written(folder: Path, points: list[Point]) -> Reader:
    with Writer(folder / "lab.db") as writer:
        writer.add_runs([(spec(run), 1.0) for run in (LONG, OTHER)])
        writer.write(points)
    return Reader(folder / "lab.db")


def rows(found: Columns) -> list[tuple[float, ...]]:
    """As tuples in which a NaN equals a NaN."""
    table = zip(found.step, found.n_tokens, found.loss, found.seconds, found.attempt, strict=True)
    return [tuple(-1.0 if math.isnan(value) else float(value) for value in row) for row in table]


def as_rows(points: list[Point]) -> list[tuple[float, ...]]:
    return [
        tuple(-1.0 if math.isnan(value) else float(value) for value in
              (each.step, each.n_tokens, each.loss, each.seconds, each.attempt))
        for each in points
    ]  # fmt: skip


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Reader]:
    """Two runs side by side, with a NaN, an infinity, and steps replayed by a second attempt."""
    losses = {3: math.nan, 4: math.inf, 6: 1e-300}
    points = [point(run, step, loss=losses.get(step, 3.0 / step)) for step in range(1, 9) for run in (LONG, OTHER)]
    points += [point(LONG, step, attempt=2, loss=0.1 + step) for step in (6, 7, 8, 9)]
    with written(tmp_path, points) as reader:
        yield reader


def test_columns_are_what_the_records_say(few: Reader) -> None:
    for run in (LONG, OTHER):
        assert rows(columns.of_run(few, run)) == as_rows(few.points(run))
        assert rows(columns.of_run(few, run, whole=False)) == as_rows(few.points(run))
    assert len(columns.of_run(few, "nobody")) == 0


def test_what_was_written_after_a_cursor_comes_by_run_with_replays(few: Reader) -> None:
    found, cursor, taken = columns.since(few, 0, 100)
    # The steps 6, 7 and 8 of the first attempt are no more.
    assert taken == 17 and cursor == columns.newest(few) == 20
    assert rows(found[LONG]) == as_rows(few.points(LONG)) and rows(found[OTHER]) == as_rows(few.points(OTHER))
    first, cursor, taken = columns.since(few, 0, 4)
    assert taken == 4 and [len(each) for each in first.values()] == [2, 2]
    rest, cursor, taken = columns.since(few, cursor, 100)
    assert taken == 13 and columns.since(few, cursor, 100) == ({}, cursor, 0)
    assert [*rows(first[OTHER]), *rows(rest[OTHER])] == as_rows(few.points(OTHER))


def test_what_came_after_a_cursor_is_left_out_of_a_run(few: Reader) -> None:
    assert [row[0] for row in rows(columns.of_run(few, LONG, until=16))] == [1, 2, 3, 4, 5]
    assert [row[0] for row in rows(columns.of_run(few, OTHER, until=8))] == [1, 2, 3, 4]


@pytest.mark.parametrize("slots", [1, 2, 10, 12])
def test_a_sample_takes_of_every_run_however_they_took_turns(tmp_path: Path, slots: int) -> None:
    runs = [f"{place}x1-D1k-s0" for place in range(slots)]
    points = [point(run, step) for step in range(1, 1001) for run in runs]
    with written(tmp_path, points) as reader:
        found = columns.sampled(reader, 0.1, columns.newest(reader))
        assert set(found) == set(runs)
        for run, each in found.items():
            assert 50 < len(each) < 200
            assert set(rows(each)) <= set(as_rows(reader.points(run))) and (np.diff(each.step) > 0).all()


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Reader]:
    """40,000 points with two spikes, a NaN alone and a stretch of them, none of it at a place that would be kept."""
    losses = (5.0 - 0.4 * np.log(np.arange(1.0, 40_001))) + 0.01 * np.random.default_rng(1).standard_normal(40_000)
    losses[[12_345, 33_333]] = 50.0, 0.001
    losses[20_001] = losses[30_001:30_900] = math.nan
    points = [point(LONG, step, loss=loss) for step, loss in enumerate(losses.tolist(), start=7)]
    with written(tmp_path, points) as reader:
        yield reader


def test_of_very_many_points_the_extremes_the_ends_and_the_gaps_stay(many: Reader) -> None:
    whole, thin = columns.of_run(many, LONG), columns.of_run(many, LONG, whole=False)
    assert len(whole) == 40_000 and len(thin) < 16_384
    assert set(rows(thin)) <= set(rows(whole)) and (np.diff(thin.step) > 0).all()
    assert (rows(thin)[0], rows(thin)[-1]) == (rows(whole)[0], rows(whole)[-1])
    assert (np.nanmax(thin.loss), np.nanmin(thin.loss)) == (50.0, 0.001)
    gaps = thin.step[np.isnan(thin.loss)]
    assert 20_008 in gaps and (np.diff(gaps[gaps > 30_000]) < 64).all()
    # Every part of a log axis has its own points: the first thousand steps are whole.
    assert (thin.step < 1000).sum() == (whole.step < 1000).sum()
    # Between any two neighbours nothing is missing that would stick out of them and theirs.
    for low in range(1024, 40_000, 997):
        there = (whole.step >= low) & (whole.step < low + 200)
        kept = (thin.step >= low - 64) & (thin.step < low + 264)
        if np.isfinite(whole.loss[there]).any():
            assert np.nanmin(thin.loss[kept]) <= np.nanmin(whole.loss[there])
            assert np.nanmax(thin.loss[kept]) >= np.nanmax(whole.loss[there])


def test_seconds_are_those_of_all_attempts_and_unknown_where_those_of_one_are(tmp_path: Path) -> None:
    nan = math.nan
    told = {LONG: [(1, 10.0), (1, 20.0), (2, 60.0)], OTHER: [(1, 10.0), (2, nan), (2, nan)]}
    points = [
        replace(point(run, step), attempt=attempt, seconds=seconds)
        for run, every in told.items() for step, (attempt, seconds) in enumerate(every, start=1)
    ]  # fmt: skip
    with written(tmp_path, points) as reader:
        found = columns.spent(reader)
    assert found[LONG] == (points[2].n_tokens, 80.0)
    assert found[OTHER][0] == points[5].n_tokens and math.isnan(found[OTHER][1])
