from __future__ import annotations

import sqlite3
from pathlib import Path

from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.store.samples import point, usage


def test_the_latest_usage_of_each_slot_is_kept_and_moves_no_run(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    with Writer(path) as writer, Reader(path) as reader:
        assert reader.usage() == {}
        writer.write([usage(0), point(step=1), usage(1, utilisation=None)])
        writer.write([usage(0, time=2e9)])
        assert reader.usage() == {0: usage(0, time=2e9), 1: usage(1, utilisation=None)}
        assert len(reader.points("16x1-D1k-s0")) == 1


def test_a_store_from_before_usage_was_kept_has_none(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    Writer(path).close()
    connection = sqlite3.connect(path)
    connection.executescript("DROP TABLE usage; PRAGMA user_version = 1;")
    connection.close()
    with Reader(path) as reader:
        assert reader.usage() == {}
