"""The tables of lab.db, their version, and how a file gets there; must not know what the rows mean to anyone.

Concurrency contract: WAL, one writing process, readers that never block it. Where the file system cannot hold a WAL
(no shared memory: network mounts) the store falls back on a rollback journal, and says so.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scalelab.errors import BadInput, ScalelabError
from scalelab.store import seals

RESPECIFIED = "respecified"
"""A fact: how often a spec was changed, so that readers parse specs anew only then."""
WAY_OUT = "put back a copy of it, or let `scalelab doctor LAB --mend` keep what reads and `scalelab run` train the rest"
"""What to do about a store whose pages are damaged."""
APPLICATION_ID = 0x5CA1E1AB
"""Marks the file as a scalelab store, so that another program's database is never written to."""

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE run (
    run TEXT PRIMARY KEY, position INTEGER NOT NULL, spec TEXT NOT NULL, expected_seconds REAL NOT NULL,
    state TEXT NOT NULL, attempt INTEGER NOT NULL, step INTEGER NOT NULL, reason TEXT NOT NULL, changed REAL NOT NULL,
    not_exact TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

CREATE TABLE state_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, attempt INTEGER NOT NULL, state TEXT NOT NULL,
    step INTEGER NOT NULL, reason TEXT NOT NULL, time REAL NOT NULL
);

-- A replayed step replaces its row under a new id, so "id > cursor" shows a reader replays too. NULL is a NaN.
CREATE TABLE point (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, attempt INTEGER NOT NULL, step INTEGER NOT NULL,
    n_tokens INTEGER NOT NULL, loss REAL, lr REAL, grad_norm REAL, tokens_per_second REAL, seconds REAL,
    UNIQUE (run, step)
);

CREATE TABLE evaluation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, attempt INTEGER NOT NULL, step INTEGER NOT NULL,
    n_tokens INTEGER NOT NULL, flops REAL NOT NULL, loss REAL, loss_se REAL, accuracy REAL, bits_per_byte REAL,
    evaluated_tokens INTEGER NOT NULL, final INTEGER NOT NULL,
    UNIQUE (run, step)
);

CREATE TABLE checkpoint (
    run TEXT NOT NULL, step INTEGER NOT NULL, attempt INTEGER NOT NULL, path TEXT NOT NULL,
    for_branch INTEGER NOT NULL, time REAL NOT NULL,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;

CREATE TABLE fit (id INTEGER PRIMARY KEY, after_run TEXT NOT NULL, time REAL NOT NULL, json TEXT NOT NULL);

CREATE TABLE prediction (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, fit INTEGER NOT NULL, time REAL NOT NULL,
    loss REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, observed REAL, scored REAL
);
CREATE INDEX prediction_run ON prediction (run);

CREATE TABLE request (
    id INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, args TEXT NOT NULL, time REAL NOT NULL,
    handled REAL, reply TEXT
);
"""
_USAGE = """
-- One row a slot: how it was long ago is worth nothing.
CREATE TABLE usage (
    slot INTEGER PRIMARY KEY, device TEXT NOT NULL, time REAL NOT NULL, memory_used INTEGER NOT NULL,
    memory_total INTEGER NOT NULL, utilisation REAL
)
"""
_SCORE = """
-- What a run reached in a task, by the name of the score: of its last attempt.
CREATE TABLE score (
    run TEXT NOT NULL, name TEXT NOT NULL, attempt INTEGER NOT NULL, step INTEGER NOT NULL, value REAL NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID
"""
_PART_EVALUATION = """
-- The held-out measures of one part of a mixture at a run's end: of its last attempt.
CREATE TABLE part_evaluation (
    run TEXT NOT NULL, part TEXT NOT NULL, attempt INTEGER NOT NULL, step INTEGER NOT NULL, loss REAL, loss_se REAL,
    accuracy REAL, bits_per_byte REAL, evaluated_tokens INTEGER NOT NULL,
    PRIMARY KEY (run, part)
) WITHOUT ROWID
"""
TABLES += f"{_USAGE};{seals.TABLE};{_SCORE};{_PART_EVALUATION};"


def _usage_and_exactness(connection: sqlite3.Connection) -> None:
    connection.execute(_USAGE)
    connection.execute("ALTER TABLE run ADD COLUMN not_exact TEXT NOT NULL DEFAULT ''")


def _seals(connection: sqlite3.Connection) -> None:
    connection.execute(seals.TABLE)
    seals.seal_all(connection)


def _scores(connection: sqlite3.Connection) -> None:
    connection.execute(_SCORE)


def _parts_and_sealed_scores(connection: sqlite3.Connection) -> None:
    connection.execute(_PART_EVALUATION)
    seals.seal_all(connection, "score")


Migration = Callable[[sqlite3.Connection], None]
MIGRATIONS: tuple[Migration, ...] = (_usage_and_exactness, _seals, _scores, _parts_and_sealed_scores)
"""MIGRATIONS[i] turns version i + 1 into i + 2, inside a transaction that it neither opens nor closes."""
VERSION = 1 + len(MIGRATIONS)
USAGE_SINCE = 2
"""The first version with the usage of devices and with what is said of runs that are not exact."""
SEALS_SINCE = 3
"""The first version with checksums of what no longer changes."""
SCORES_SINCE = 4
"""The first version with the scores of tasks."""
PARTS_SINCE = 5
"""The first version with the losses of a mixture's parts."""

_NETWORK = frozenset(
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afpfs",
        "webdav",
        "9p",
        "afs",
        "ceph",
        "lustre",
        "gpfs",
        "glusterfs",
        "beegfs",
        "fhgfs",
        "pvfs2",
        "orangefs",
        "panfs",
        "wekafs",
        "davfs",
        "ncpfs",
        "vboxsf",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.ceph-fuse",
        "fuse.s3fs",
        "fuse.gcsfuse",
        "fuse.rclone",
        "fuse.juicefs",
        "fuse.davfs",
    ]
)
"""File systems whose other hosts do not see our shared memory, which a WAL lives by."""


class StoreBusy(ScalelabError):
    """Another process holds lab.db; what is asked may be asked again in a moment."""


def version(connection: sqlite3.Connection) -> int:
    """The schema version of the open file; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def is_ours(path: Path) -> bool:
    """Whether a file begins as a store of scalelab does, of whatever version and however damaged behind that."""
    try:
        with open(path, "rb") as file:
            head = file.read(72)
    except OSError:
        return False
    return head.startswith(b"SQLite format 3\0") and int.from_bytes(head[68:72], "big") == APPLICATION_ID


def check(connection: sqlite3.Connection, path: Path, newest: int = VERSION) -> int:
    """The version of a store that this program may read.

    Raises
    ------
    ScalelabError
        The file is no store of scalelab, or one of a newer scalelab.
    """
    try:
        found = version(connection)
        ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    except sqlite3.Error as error:
        raise told(error, path) from None
    if not ours:
        raise BadInput(f"{path} is not a store of scalelab", todo="choose another folder with --lab")
    if found > newest:
        raise ScalelabError(
            f"{path} was written by a newer scalelab (store version {found})",
            allowed=f"up to {newest}",
            todo="update scalelab; nothing was changed",
        )
    return found


def prepare(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make the open file a store of the present version: create it, or check it and migrate it after a backup."""
    newest = 1 + len(migrations)
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] and not version(connection):
        connection.executescript(
            f"BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID};PRAGMA user_version = {newest}; COMMIT;"
        )
        return
    for number in range(check(connection, path, newest), newest):
        _migrate(connection, path, number, migrations[number - 1])


def _migrate(connection: sqlite3.Connection, path: Path, number: int, migration: Migration) -> None:
    """From version `number` to the next, whole or not at all, with a copy of the file as it was beside it."""
    _backup(connection, path.with_name(f"{path.name}.backup-v{number}"))
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version(connection) == number:  # else another process was first
            migration(connection)
            connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def journal(connection: sqlite3.Connection, path: Path) -> str:
    """Turn the WAL on where the file system can hold one; the journal mode that came of it."""
    wanted = "DELETE" if on_network(path) else "WAL"
    try:
        return str(connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()[0])
    except sqlite3.OperationalError:
        return str(connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0])


def on_network(path: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """Whether the path lies on a network file system, where a WAL may seem to work and corrupt the file."""
    try:
        lines = [line.split() for line in mounts.read_text(errors="replace").splitlines()]
    except OSError:
        lines = _partitions()
    where = str(path.resolve())
    inside = [
        (len(line[1]), line[2])
        for line in lines
        if len(line) > 2 and (where + "/").startswith(line[1].rstrip("/") + "/")
    ]
    return max(inside, default=(0, ""))[1] in _NETWORK


def told(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> ScalelabError:
    """What sqlite said, in one line with the path."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreBusy(f"store {path} is busy: another process holds it", todo="try again in a moment")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or _undecodable(error):
        return ScalelabError(f"store {path} is damaged ({error})", todo=f"{WAY_OUT}; nothing was changed")
    return ScalelabError(f"store {path} cannot be used ({error})")


def _partitions() -> list[list[str]]:
    """The mounts of a system that has no /proc, as lines of it."""
    if sys.platform == "linux":
        return []
    import psutil

    return [[each.device, each.mountpoint, each.fstype] for each in psutil.disk_partitions(all=True)]


def _undecodable(error: Exception) -> bool:
    """Whether text in the file is none: of a seal sqlite only says that computing it failed."""
    return isinstance(error, UnicodeDecodeError) or "UTF-8" in str(error) or "user-defined" in str(error)


def damaged(path: Path, what: object) -> ScalelabError:
    """A store that can be read and says what nobody wrote."""
    return ScalelabError(f"store {path} is damaged ({what})", todo=WAY_OUT)


def _backup(connection: sqlite3.Connection, target: Path) -> None:
    """A copy that either has its name and is whole on the disk, or has not its name."""
    making = target.with_name(f".{target.name}.making")
    try:
        making.unlink(missing_ok=True)
        os.close(os.open(making, os.O_CREAT | os.O_WRONLY, 0o600))
        copy = sqlite3.connect(making)
        try:
            connection.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
        os.rename(making, target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except (OSError, sqlite3.Error) as error:
        making.unlink(missing_ok=True)
        raise ScalelabError(
            f"no copy of the older store could be made as {target} ({error})", todo="make room; nothing was changed"
        ) from None
