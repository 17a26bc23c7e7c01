"""The lab that ships: small, of today's store, with today's law, and with nothing of the machine it was made on."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scalelab import laws, preset_files, recorded
from scalelab.lab.table import run_table
from scalelab.laws import Assessment
from scalelab.records import RunKind, RunState
from scalelab.store import schema, seals
from scalelab.store.playback import Playback
from scalelab.store.reader import Reader
from tests import recording

AGAIN = "`python -m tests.recording LAB` makes it anew from a lab of the tiny preset"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.unpack(tmp_path_factory.mktemp("shipped") / "tiny")


def test_it_is_small() -> None:
    assert recording.PACKED.stat().st_size < 300_000


def test_it_opens_with_today_s_schema(shipped: Path, tmp_path: Path) -> None:
    with closing(Playback(shipped / "lab.db", tmp_path / "lab.db")) as playback:
        playback.advance(playback.last)
    with closing(sqlite3.connect(tmp_path / "lab.db")) as db:
        assert schema.version(db) == schema.VERSION
        assert db.execute("SELECT count(*) FROM seal").fetchone()[0] > 0 and not seals.broken(db)


def test_every_run_of_the_tiny_preset_was_trained(shipped: Path) -> None:
    with Reader(shipped / "lab.db") as reader:
        rows, points = reader.runs(), reader.points_since()[0]
        preset = preset_files.loads(reader.meta("preset") or "", "the shipped lab")
    assert {row.state for row in rows} == {RunState.DONE}
    assert sum(row.spec.kind is not RunKind.TRUNK for row in rows) == 20
    assert preset.ladder == preset_files.load("tiny").ladder and preset.budgets == preset_files.load("tiny").budgets
    assert {point.run for point in points} == {row.run for row in rows}


def test_it_shows_the_law_that_is_fitted_today(shipped: Path) -> None:
    with Reader(shipped / "lab.db") as reader:
        kept = [Assessment.kept(fit.json) for fit in reader.fits()]
        table = run_table(reader)
        pairs = sorted({(float(row.spec.counts.n_params), row.spec.flops_per_token) for row in reader.runs()})
        last = max(reader.runs(), key=lambda row: row.changed).run
        assert reader.fits()[-1].after_run == last
    assert all(kept), AGAIN
    shown, today = kept[-1], laws.assess(table, flops_per_token=pairs)
    assert shown is not None and shown.best is not None
    assert shown.best == today.best, AGAIN
    for name, value in today.fit().params.items():
        assert shown.fit().params[name] == pytest.approx(value, rel=1e-3), AGAIN
    theirs, ours = shown.predict(1e6, 2e7), today.predict(1e6, 2e7)
    assert (theirs.loss, theirs.low, theirs.high) == pytest.approx((ours.loss, ours.low, ours.high), rel=1e-3), AGAIN


def test_what_was_predicted_came_before_its_end_and_was_scored(shipped: Path) -> None:
    with Reader(shipped / "lab.db") as reader:
        ends = {change.run: change.time for change in reader.states() if change.state is RunState.DONE}
        finals = {final.run: final.loss for final in reader.finals()}
        said = reader.predictions()
    assert len(said) > 20
    assert all(each.time < ends[each.run] and each.observed == finals[each.run] for each in said)


def test_nothing_of_the_machine_is_in_it(shipped: Path) -> None:
    content = (shipped / "lab.db").read_bytes()
    assert not re.findall(rb"/(?:home|root|tmp|work|Users|var|mnt)/", content)
    with Reader(shipped / "lab.db") as reader:
        device, tokens = json.loads(reader.meta("device") or ""), json.loads(reader.meta("tokens") or "")
        assert not reader.checkpoints() and not reader.requests() and not reader.usage()
        assert not [row.reason for row in reader.runs() if row.reason]
    assert tokens["directory"] == ""
    assert re.fullmatch(r"[\w .,()-]+, \d+ cores?", device["label"])


def test_packing_it_again_changes_nothing_that_was_measured(shipped: Path, tmp_path: Path) -> None:
    recording.make(shipped, tmp_path / "again.db.gz")
    (tmp_path / "again.db").write_bytes(gzip.decompress((tmp_path / "again.db.gz").read_bytes()))
    for table in ("meta", "run", "state_change", "point", "evaluation"):
        assert rows(tmp_path / "again.db", table) == rows(shipped / "lab.db", table), table


def rows(path: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT * FROM {table}").fetchall()
