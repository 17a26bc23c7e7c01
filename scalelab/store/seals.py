"""Checksums of what no longer changes: the rows of a run that has ended, a fit, a fact. A flipped bit in a number is
found by them and by nothing else, since sqlite checks only how its pages hang together.

A seal is made in the transaction that ends what it seals, and goes in the one that touches it again, so that a store
that was killed at any moment has no stale one. Must not know why anything is written.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import Any

TABLE = """
CREATE TABLE seal (
    part TEXT NOT NULL, key TEXT NOT NULL, n_rows INTEGER NOT NULL, digest INTEGER NOT NULL,
    PRIMARY KEY (part, key)
) WITHOUT ROWID
"""

_OF_RUN = {
    "run": "run, position, spec, state, attempt, reason, not_exact",
    "point": "step, attempt, n_tokens, loss, lr, grad_norm, tokens_per_second, seconds",
    "evaluation": "step, attempt, n_tokens, flops, loss, loss_se, accuracy, bits_per_byte, evaluated_tokens, final",
    "state_change": "id, attempt, state, step, reason, time",
    "prediction": "fit, time, loss, low, high",
    "score": "name, attempt, step, value, n",
    "part_evaluation": "part, attempt, step, loss, loss_se, accuracy, bits_per_byte, evaluated_tokens",
}
"""What is sealed of each table by the name of its run; a prediction's outcome is another run's column."""
_ONE_BY_ONE = {"fit": ("id", "after_run, time, json"), "meta": ("key", "value")}
"""Tables of which each row has its own seal: its key, and what is sealed."""
ENDED = "('done', 'failed', 'diverged', 'stopped')"
_REPLACE = "INSERT OR REPLACE INTO seal (part, key, n_rows, digest) "

SEAL_RUN = tuple(
    f"{_REPLACE} SELECT '{part}', ?1, count(*), sealed({columns}) FROM {part} WHERE run = ?1 "
    f"AND EXISTS (SELECT 1 FROM run r WHERE r.run = ?1 AND r.state IN {ENDED}) HAVING count(*)"
    for part, columns in _OF_RUN.items()
)
"""Seal a run, if it has ended."""
BREAK_RUN = "DELETE FROM seal WHERE key = ? AND part NOT IN ('fit', 'meta')"
SEAL_ROW = {
    part: f"{_REPLACE} SELECT '{part}', {key}, 1, sealed({columns}) FROM {part} WHERE {key} = ? HAVING count(*)"
    for part, (key, columns) in _ONE_BY_ONE.items()
}
_SEAL_ALL = {
    part: f"{_REPLACE} SELECT '{part}', run, count(*), sealed({columns}) FROM {part} "
    f"WHERE run IN (SELECT r.run FROM run r WHERE r.state IN {ENDED}) GROUP BY run"
    for part, columns in _OF_RUN.items()
} | {
    part: f"{_REPLACE} SELECT '{part}', {key}, 1, sealed({columns}) FROM {part} GROUP BY {key}"
    for part, (key, columns) in _ONE_BY_ONE.items()
}


class _Sealed:
    """An aggregate of sqlite: the same for the same rows, in whatever order they come."""

    def __init__(self) -> None:
        self._sum = 0

    def step(self, *row: Any) -> None:
        """One more row."""
        self._sum += zlib.crc32(repr(row).encode())

    def finalize(self) -> int:
        """The digest."""
        return self._sum & 0x7FFFFFFFFFFFFFFF


def teach(connection: sqlite3.Connection) -> None:
    """Let a connection compute seals."""
    connection.create_aggregate("sealed", -1, _Sealed)


def seal_all(connection: sqlite3.Connection, part: str | None = None) -> None:
    """Seal a store that has no seals yet, or one of its tables."""
    teach(connection)
    for name in _there(connection):
        if part in {None, name}:
            connection.execute(_SEAL_ALL[name])


def broken(connection: sqlite3.Connection, part: str | None = None) -> list[tuple[str, str]]:
    """What is not as it was sealed: (part, key) of each, of one part or of all."""
    teach(connection)
    found: list[tuple[str, str]] = []
    for name in _there(connection):
        if part in {None, name}:
            key, columns = _ONE_BY_ONE.get(name) or ("run", _OF_RUN[name])
            found += connection.execute(_differing(name, key, columns))
    return found


def _there(connection: sqlite3.Connection) -> list[str]:
    """The tables that are sealed, as far as a store of an older version has them."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return [name for name in (*_OF_RUN, *_ONE_BY_ONE) if name in tables]


def _differing(part: str, key: str, columns: str) -> str:
    return (
        f"SELECT s.part, s.key FROM seal s LEFT JOIN "
        f"(SELECT {key} AS name, count(*) AS n, sealed({columns}) AS digest FROM {part} GROUP BY {key}) t "
        f"ON CAST(t.name AS TEXT) = s.key WHERE s.part = '{part}' "
        "AND (t.n IS NULL OR t.n <> s.n_rows OR t.digest <> s.digest)"
    )
