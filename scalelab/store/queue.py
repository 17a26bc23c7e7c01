"""Rows on their way to lab.db, in order and in transactions; must not know why anything is written, nor what.

A commit that meets a foreign lock or a full disk leaves the queue as it was: nothing is lost, `waiting` says why, and
the next commit tries again.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from scalelab.errors import ScalelabError
from scalelab.store import schema, seals

_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_PASSING = _HELD | {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
}
"""Conditions that pass by themselves or when a person mends them; anything else is an error at once."""
MOST_ROWS = 200_000
"""Rows that are kept in memory for a store that another process holds; some 100 MB."""


class Queue:
    """An open store, and what it has not taken yet."""

    def __init__(self, path: Path, *, busy_seconds: float = 0.2) -> None:
        self.path = path
        self.waiting: str | None = None
        """Why the last commit has not reached the file yet; None when all has."""
        self.overfull = False
        """Whether nothing more should be given until it has: the disk takes nothing, or too much waits."""
        self._queue: list[tuple[str, list[tuple[Any, ...]]]] = []
        self._depth = 0
        self._durable = False
        try:
            _make(path)
        except OSError as error:
            raise ScalelabError(f"store {path} cannot be written ({(error.strerror or '').lower()})") from None
        self._db = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
        try:
            self.journal = schema.journal(self._db, path)
            """Journal mode in use: "wal", or "delete" where the file system holds no WAL."""
            schema.prepare(self._db, path)
            seals.teach(self._db)
            damage = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
            self.unsound = seals.broken(self._db) if damage == "ok" else []
            """What is not as it was written, by its checksum: (table, run, fit or fact) of each."""
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._db.close()
            raise schema.told(error, path) from None
        except ScalelabError:
            self._db.close()
            raise
        if damage != "ok":
            raise ScalelabError(f"store {path} is damaged ({damage})", todo=schema.WAY_OUT)
        self._file = _identity(path)
        self._db.execute(f"PRAGMA synchronous = {'NORMAL' if self.journal == 'wal' else 'FULL'}")

    @contextmanager
    def batch(self, *, durable: bool = False) -> Iterator[Self]:
        """One transaction for all calls inside; `durable` syncs it to the disk before the block is left."""
        self._depth += 1
        self._durable |= durable
        try:
            yield self
        finally:
            self._depth -= 1
            if not self._depth:
                self.commit()

    def commit(self, *, durable: bool = False) -> bool:
        """Send the queue to the file; False, with `waiting` set, where it must wait.

        Raises
        ------
        ScalelabError
            The file is damaged, read-only, or gone.
        """
        self._durable |= durable
        if not self._queue:
            return True
        if _identity(self.path) != self._file:
            # sqlite would go on writing into a file that has no name any more.
            raise ScalelabError(f"store {self.path} was removed or replaced while it was written")
        try:
            if self._durable:
                # A run's end must outlive a power cut; points need not: the run would go on from its checkpoint.
                self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("BEGIN IMMEDIATE")
            for sql, rows in self._queue:
                self._db.executemany(sql, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._hold(error)
            return False
        finally:
            if self._durable and self.journal == "wal":
                self._db.execute("PRAGMA synchronous = NORMAL")
        self._queue.clear()
        self._durable, self.waiting, self.overfull = False, None, False
        return True

    def close(self) -> None:
        """Send what is queued and let go of the file."""
        try:
            self.commit(durable=True)
        finally:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        if self._queue and self._queue[-1][0] == sql:
            self._queue[-1][1].extend(rows)
        else:
            self._queue.append((sql, rows))
        if not self._depth:
            self.commit()

    def _hold(self, error: sqlite3.Error) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code not in _PASSING:
            raise schema.told(error, self.path) from None
        self.waiting = f"{self.path}: {error}"
        self.overfull = code not in _HELD or sum(len(rows) for _, rows in self._queue) > MOST_ROWS


def _make(path: Path) -> None:
    """An empty file, its owner's alone, where there is none.

    One that is there is not opened beside sqlite: whoever closes any descriptor of a file lets go of all locks that
    its process has on it (POSIX). The next writer to end would take the log for nobody's and remove it, and readers of
    this process would see no change any more.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    elif not os.access(path, os.W_OK):
        still = os.statvfs(path).f_flag & os.ST_RDONLY
        raise OSError(why := errno.EROFS if still else errno.EACCES, os.strerror(why))


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file the name stands for; None where it stands for none."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino
