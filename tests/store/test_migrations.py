"""Stores of every schema that was ever released open; a migration leaves the old store or the new one, never half."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scalelab.errors import ScalelabError
from scalelab.store import schema
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.reliability.tally import Tally
from tests.store import fixtures
from tests.store.samples import usage

ROOT = Path(__file__).parents[2]
OLD = [version for version in fixtures.versions() if version < schema.VERSION]


def _told(path: Path) -> str:
    """Everything that a reader of any version can be told, but for when a request was made."""
    with Reader(path) as reader:
        parts = [reader.runs(), *(reader.points(run) for run in (fixtures.RUN, fixtures.OTHER)), reader.evaluations()]
        parts += [reader.states(), reader.checkpoints(), reader.fits(), reader.predictions(), reader.finals()]
        requests = [(each.verb, each.args, each.handled) for each in reader.requests()]
        return json.dumps([[row.to_dict() for row in part] for part in parts] + [requests, reader.meta("preset")])


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """The fixture as the present version writes it."""
    path = tmp_path / "fresh.db"
    fixtures.fill(path)
    return path


def test_every_version_has_its_fixture() -> None:
    assert fixtures.versions() == list(range(1, schema.VERSION + 1)), "`python -m tests.store.fixtures` makes one"


def test_row_19_stores_of_every_version_are_read_as_they_are_and_migrated_with_a_copy(
    fresh: Path, tmp_path: Path, tally: Tally
) -> None:
    opened = 0
    for version in fixtures.versions():
        path = tmp_path / f"v{version}.db"
        fixtures.load(version, path)
        before = path.read_bytes()
        assert _told(path) == _told(fresh)
        assert path.read_bytes() == before, "a reader changed the file"
        with Writer(path) as writer:
            writer.write([usage()])
            writer.set_not_exact(fixtures.OTHER, "another device")
        with Reader(path) as reader:
            assert reader.usage() == {0: usage()}
            assert [(each.name, each.value) for each in reader.scores()] == [("chrf", 0.5)] * (version >= 4)
            assert [(each.part, each.loss) for each in reader.parts()] == [("python", 2.0)] * (version >= 5)
            assert [row.not_exact for row in reader.runs()] == ["", "another device"]
        assert _columns(path) == _columns(fresh)
        backup = path.with_name(f"{path.name}.backup-v{version}")
        assert backup.exists() == (version < schema.VERSION)
        if backup.exists():
            assert _told(backup) == _told(fresh)
        opened += 1
    tally.count(19, "stores of a released version read, migrated, backed up", opened, of=schema.VERSION, promised="n/n")


def test_a_reader_that_is_open_follows_its_store_into_the_next_version(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    fixtures.load(1, path)
    with Reader(path) as reader:
        assert reader.usage() == {}
        with Writer(path) as writer:
            writer.write([usage()])
            writer.set_not_exact(fixtures.RUN, "another device")
        assert reader.changed() and reader.usage() == {0: usage()}
        assert reader.runs()[0].not_exact == "another device"


def _columns(path: Path) -> dict[str, list[str]]:
    connection = sqlite3.connect(path)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted(str(row[1:]) for row in connection.execute(f"PRAGMA table_info({name})"))
            for name in sorted(names)
        }
    finally:
        connection.close()


_OPEN = "import sys; from pathlib import Path; from scalelab.store.writer import Writer; Writer(Path(sys.argv[1]))"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace kills at a chosen system call")
def test_row_19_a_kill_at_any_moment_of_a_migration_leaves_the_old_or_the_new_store(
    fresh: Path, tmp_path: Path, tally: Tally
) -> None:
    whole = _told(fresh)
    half = cut = 0
    n = tally.repeats(4, 60)
    for number in range(n):
        path = tmp_path / f"{number}.db"
        fixtures.load(1, path)
        # Of some 60 writes of an opening with its migration, from the copy's first page to the last of the new store.
        kill = f"inject=pwrite64:signal=KILL:when={1 + number * 60 // n}"
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", kill, sys.executable, "-c", _OPEN, str(path)]
        cut += subprocess.run(command, check=False, cwd=ROOT).returncode == -signal.SIGKILL
        connection = sqlite3.connect(path)
        found = schema.version(connection)
        connection.close()
        if found not in range(1, schema.VERSION + 1) or _told(path) != whole:
            half += 1
        backup = path.with_name(f"{path.name}.backup-v1")
        half += backup.exists() and _told(backup) != whole
        Writer(path).close()
        half += _told(path) != whole or not backup.exists()
    assert cut, "nothing was killed"
    tally.count(19, f"half-migrated stores after {cut} kills inside a migration", half, of=n, promised="0")
    assert half == 0


def test_row_19_no_room_for_the_copy_means_no_migration(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    fixtures.load(1, path)
    (tmp_path / "lab.db.backup-v1").mkdir()  # what no file can be renamed to
    before = path.read_bytes()
    with pytest.raises(ScalelabError, match=r"no copy of the older store.*nothing was changed"):
        Writer(path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_row_19_a_store_of_a_newer_version_is_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "lab.db"
    fixtures.load(schema.VERSION, path)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    for attempt in (Writer, Reader):
        with pytest.raises(ScalelabError, match="newer scalelab"):
            attempt(path)
    assert path.read_bytes() == before


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
