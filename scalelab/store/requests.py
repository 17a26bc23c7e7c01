"""A reader's one way to say something: a row in `request`, which the supervisor finds and answers."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

from scalelab.store import schema


def ask(path: Path, verb: str, args: dict[str, Any] | None = None, *, wait_seconds: float = 5.0) -> int:
    """Leave a request in the store; its id.

    Raises
    ------
    StoreBusy
        Another process held the store all that time.
    ScalelabError
        There is no store there, or it is not ours to write.
    """
    try:
        # mode=rw never creates: a mistyped lab must not leave a file behind.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=wait_seconds, isolation_level=None
        )
        try:
            schema.check(connection, path)
            row = connection.execute(
                "INSERT INTO request (verb, args, time) VALUES (?, ?, ?)", (verb, json.dumps(args or {}), time.time())
            )
            return int(row.lastrowid or 0)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise schema.told(error, path) from None
