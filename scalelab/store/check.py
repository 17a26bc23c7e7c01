"""What is wrong with a store, in words: its pages, its checksums, and rows that contradict each other.

Reads alone and changes nothing; of a store with torn pages it says how much still reads. Must not know files beside it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from scalelab.errors import ScalelabError
from scalelab.store import schema, seals

_MOST = 20
"""Sentences of one kind; a torn page makes thousands."""
_TABLES = (
    "run",
    "state_change",
    "point",
    "evaluation",
    "part_evaluation",
    "checkpoint",
    "fit",
    "prediction",
    "score",
    "meta",
)
_CONTRADICTIONS = (
    (
        "{} is done and has no final loss",
        "SELECT run FROM run WHERE state = 'done' AND json_extract(spec, '$.kind') <> 'trunk' "
        "AND run NOT IN (SELECT run FROM evaluation WHERE final)",
    ),
    (
        "{} stands otherwise than its history says",
        "SELECT r.run FROM run r JOIN state_change s "
        "ON s.id = (SELECT max(id) FROM state_change t WHERE t.run = r.run) "
        "WHERE s.state <> r.state OR s.attempt <> r.attempt",
    ),
    ("{} has rows and is in no plan", "SELECT DISTINCT run FROM point WHERE run NOT IN (SELECT run FROM run)"),
    (
        "{}: a later step has fewer tokens",
        "SELECT DISTINCT run FROM (SELECT run, n_tokens, lag(n_tokens) OVER (PARTITION BY run ORDER BY step) AS before "
        "FROM point) WHERE n_tokens < before",
    ),
    (
        "{}: its time runs backwards within an attempt",
        "SELECT DISTINCT run FROM (SELECT run, seconds, lag(seconds) OVER (PARTITION BY run, attempt ORDER BY step) "
        "AS before FROM point) WHERE seconds < before",
    ),
    ("{} has a fit that never was", "SELECT DISTINCT run FROM prediction WHERE fit NOT IN (SELECT id FROM fit)"),
)


def check_store(path: Path) -> list[str]:
    """What is wrong, one sentence each; nothing where all is well.

    Raises ScalelabError where the file cannot be opened as a store at all.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0, isolation_level=None)
    try:
        found = schema.check(connection, path)
        if pages := _torn(connection):
            return [*pages, _what_reads(connection)]
        sealed = seals.broken(connection) if found >= schema.SEALS_SINCE else []
        return [
            *(f"{part} of {key!r} is not as it was written" for part, key in sealed),
            *(
                sentence.format(run)
                for sentence, sql in _CONTRADICTIONS
                for (run,) in connection.execute(f"{sql} LIMIT {_MOST}")
            ),
        ]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise schema.told(error, path) from None
    except ScalelabError:
        raise
    finally:
        connection.close()


def _torn(connection: sqlite3.Connection) -> list[str]:
    """What sqlite says of the pages; some damage ends its own check."""
    try:
        return [row[0] for row in connection.execute(f"PRAGMA integrity_check({_MOST})") if row[0] != "ok"]
    except sqlite3.DatabaseError as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_CORRUPT:
            return [str(error)]
        raise


def is_whole(path: Path) -> bool:
    """Whether the pages of a store hang together as they should."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0, isolation_level=None)
    try:
        return bool(connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error as error:
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return False
        raise schema.told(error, path) from None
    finally:
        connection.close()


def _what_reads(connection: sqlite3.Connection) -> str:
    """How many rows of each table can still be read."""
    told = []
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table in (each for each in _TABLES if each in there):
        n = 0
        try:
            for _ in connection.execute(f"SELECT * FROM {table}"):
                n += 1
        except (sqlite3.Error, UnicodeDecodeError):
            told.append(f"{table} {n} and then no more")
        else:
            told.append(f"{table} {n}")
    return f"rows that read: {', '.join(told)}"
