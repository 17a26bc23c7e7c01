"""What still reads of a store with torn pages, as a new store. Must not know what the rows mean to anyone.

Rows are read in ever smaller pieces around the damage. The seals come along, so that the new store knows which runs
are no longer complete.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scalelab.errors import ScalelabError
from scalelab.store import schema, seals

_NUMBERED = ("state_change", "point", "evaluation", "fit", "prediction", "request")
_NAMED = ("meta", "run", "checkpoint", "score", "part_evaluation", "seal")
"""Tables without numbers; they are read from both ends until the damage."""
MOST_FAILURES = 20_000
"""Pieces of a table that do not read, before the rest is given up: a torn leaf costs some 200, all of them a second."""


def salvage(path: Path, target: Path) -> dict[str, int]:
    """Write a new store with all rows that read; how many of each table.

    Raises
    ------
    ScalelabError
        Not even the tables' names can be read, or the store is of a version that had no seals.
    """
    damaged = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    made = sqlite3.connect(target, isolation_level=None)
    # Text that is no longer text is a row that does not read; it must not end the reading of others.
    damaged.text_factory = lambda content: content.decode("utf-8", "replace")
    try:
        found = schema.check(damaged, path)
        if found < schema.SEALS_SINCE:
            raise ScalelabError(f"{path} is of an older version and damaged", todo="put back a copy of it")
        schema.prepare(made, target)
        made.execute("BEGIN")
        there = {name for (name,) in damaged.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        kept = {table: _copy(damaged, made, table) for table in (*_NUMBERED, *_NAMED) if table in there}
        if found < schema.PARTS_SINCE:  # scores had no seals yet
            seals.seal_all(made, "score")
        made.execute("COMMIT")
        return kept
    except sqlite3.Error as error:
        raise schema.told(error, path) from None
    finally:
        damaged.close()
        made.close()


def _copy(damaged: sqlite3.Connection, made: sqlite3.Connection, table: str) -> int:
    columns = [row[1] for row in made.execute(f"PRAGMA table_info({table})")]
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    rows = _numbered(damaged, table, names) if table in _NUMBERED else _named(damaged, table, names)
    n = 0
    for row in rows:
        try:
            made.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)
            n += 1
        except sqlite3.Error:
            continue  # a row that breaks a rule of its table is none
    return n


def _numbered(damaged: sqlite3.Connection, table: str, names: str) -> Iterator[tuple[Any, ...]]:
    try:
        last = damaged.execute(f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'").fetchone()
    except sqlite3.Error:
        last = None
    # The largest pieces first: where not even the root of a table reads, all of them fail.
    todo = deque([(0, last[0] if last else 1 << 22)])
    failures = 0
    while todo and failures < MOST_FAILURES:
        first, end = todo.popleft()
        try:
            yield from damaged.execute(f"SELECT {names} FROM {table} WHERE id BETWEEN ? AND ?", (first, end)).fetchall()
        except sqlite3.Error:
            failures += 1
            if first < end:
                middle = (first + end) // 2
                todo += [(first, middle), (middle + 1, end)]


def _named(damaged: sqlite3.Connection, table: str, names: str) -> Iterator[tuple[Any, ...]]:
    key = {"meta": "key", "seal": "part"}.get(table, "run")
    for order in ("ASC", "DESC"):
        try:
            yield from damaged.execute(f"SELECT {names} FROM {table} ORDER BY {key} {order}")
            return
        except sqlite3.Error:
            continue
