"""Stores of every schema that was ever released open; a migration leaves the old store or the new one, never half."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from scalelab.store import schema
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer


def _with_one_more(*more: schema.Migration) -> tuple[schema.Migration, ...]:
    return (*schema.MIGRATIONS, *more)


def test_an_older_store_is_migrated_after_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    with Writer(path) as writer:
        writer.set_meta("kept", "yes")
    connection = sqlite3.connect(path, isolation_level=None)

    def unit(db: sqlite3.Connection) -> None:
        db.execute("ALTER TABLE meta ADD COLUMN unit TEXT")

    schema.prepare(connection, path, _with_one_more(unit))
    assert schema.version(connection) == schema.VERSION + 1
    assert connection.execute("SELECT key, value, unit FROM meta").fetchall() == [("kept", "yes", None)]
    connection.close()
    backup = path.with_name(f"lab.db.backup-v{schema.VERSION}")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with Reader(backup) as reader:
        assert reader.meta("kept") == "yes"


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    Writer(path).close()
    connection = sqlite3.connect(path, isolation_level=None)

    def broken(db: sqlite3.Connection) -> None:
        db.execute("DROP TABLE point")
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        schema.prepare(connection, path, _with_one_more(broken))
    assert schema.version(connection) == schema.VERSION
    assert connection.execute("SELECT count(*) FROM point").fetchone() == (0,)
    connection.close()
