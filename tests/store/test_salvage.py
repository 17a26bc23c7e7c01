from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from scalelab.errors import ScalelabError
from scalelab.store import schema
from scalelab.store.check import check_store, is_whole
from scalelab.store.reader import Reader
from scalelab.store.salvage import salvage
from scalelab.store.writer import Writer
from tests.store import fixtures
from tests.store.samples import point


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "lab.db"
    fixtures.fill(path)
    with Writer(path) as writer:
        writer.write([point(fixtures.RUN, step=step) for step in range(11, 2_000)])
    return path


def _tear(path: Path, page: int) -> None:
    content = bytearray(path.read_bytes())
    content[page * 4096 : (page + 1) * 4096] = random.Random(page).randbytes(4096)
    path.write_bytes(bytes(content))


def test_a_whole_store_is_salvaged_whole(path: Path, tmp_path: Path) -> None:
    kept = salvage(path, tmp_path / "new.db")
    assert (kept["point"], kept["run"], kept["fit"]) == (2_000, 2, 1)
    with Reader(path) as old, Reader(tmp_path / "new.db") as new:
        assert new.runs() == old.runs() and new.points(fixtures.RUN) == old.points(fixtures.RUN)
        assert new.fits() == old.fits() and new.states() == old.states()


def test_around_a_torn_page_all_other_rows_are_kept(path: Path, tmp_path: Path) -> None:
    with Reader(path) as reader:
        whole = {each.step: each for each in reader.points(fixtures.RUN)}
    sound, lost = path.read_bytes(), []
    for page in range(2, len(sound) // 4096, 5):
        path.write_bytes(sound)
        _tear(path, page)
        if is_whole(path):
            continue  # a page that holds nothing
        assert any("rows that read" in problem for problem in check_store(path))
        target = tmp_path / f"{page}.db"
        try:
            salvage(path, target)
        except ScalelabError:
            continue
        assert is_whole(target)
        with Reader(target) as reader:
            points = reader.points(fixtures.RUN)
        assert all(whole[each.step] == each for each in points), "a row came back that was never written"
        lost.append(len(whole) - len(points))
    assert len(lost) > 5 and sum(n < 100 for n in lost) > len(lost) / 2


def test_where_not_even_the_tables_names_read_nothing_is_salvaged(path: Path, tmp_path: Path) -> None:
    _tear(path, 0)
    with pytest.raises(ScalelabError, match="damaged"):
        salvage(path, tmp_path / "new.db")


@pytest.mark.timeout(20)
def test_a_table_of_which_not_even_the_root_reads_is_given_up_in_seconds(path: Path, tmp_path: Path) -> None:
    """Piece by piece its four million numbers took minutes."""
    with sqlite3.connect(path) as store:
        roots = dict(store.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"))
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    for table in ("fit", "point"):
        _tear(path, roots[table] - 1)
    kept = salvage(path, tmp_path / "new.db")
    assert (kept["point"], kept["fit"], kept["run"]) == (0, 0, 2)


@pytest.mark.parametrize("version", [each for each in fixtures.versions() if each >= schema.SEALS_SINCE])
def test_a_torn_store_of_an_older_version_is_salvaged_as_one_of_today(version: int, tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    fixtures.load(version, old)
    with sqlite3.connect(old) as store:
        roots = dict(store.execute("SELECT name, rootpage FROM sqlite_master WHERE type = 'table'"))
    store.close()
    _tear(old, roots["fit"] - 1)
    told = " ".join(check_store(old))
    assert "fit 0 and then no more" in told and ("part_evaluation" in told) == ("part_evaluation" in roots)
    kept = salvage(old, new)
    assert kept["run"] == 2 and kept["fit"] == 0
    with Writer(new) as writer, Reader(new) as reader:
        assert {row.run for row in reader.runs()} == {fixtures.RUN, fixtures.OTHER}
        assert bool(reader.scores()) == ("score" in roots)
        writer.set_meta("x", "y")
