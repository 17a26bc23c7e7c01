"""One JSON object that holds all runs: lists by column, objects by run, or a list under some key.

Unlike JSON lines it is read whole, so its size is bounded. Knows JSON, not what the keys mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scalelab.laws.reading.records import Record
from scalelab.laws.reading.sheets import Refused

MOST_CHARACTERS = 100_000_000
"""Of one document: about a million runs."""
NAME = "run_id"
"""Under which the key of a run's object goes, unless it names itself."""


def document(text: str) -> Iterator[Record] | None:
    """The runs of a document; None where the text is no single JSON object."""
    try:
        item = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if not isinstance(item, dict) else iter(_runs(item))


def _runs(item: dict[str, Any]) -> list[Record]:
    """Records of whichever shape the object has; the object itself is the one run where it has none of them."""
    if columns := _columns(item):
        names = list(columns)
        return [(None, dict(zip(names, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    if item and all(isinstance(value, dict) and value for value in item.values()) and _alike(item):
        return [(None, {NAME: key} | value) for key, value in item.items()]
    lists = [value for value in item.values() if isinstance(value, list) and value]
    if len(lists) == 1 and all(isinstance(each, dict) for each in lists[0]):
        return [(None, each) for each in lists[0]]
    if isinstance(inner := next(iter(item.values()), None), dict) and len(item) == 1:
        return _runs(inner)
    return [(None, item)] if item else [(None, Refused("", "an object without keys"))]


def _columns(item: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lists of an object, where two or more are of one length and every other value is single; else none.

    Columns of numbered rows ({"loss": {"0": 3.1, "1": 2.9}}), as pandas writes them, are lists of another spelling.
    """
    lists: dict[str, list[Any]] = {}
    for key, value in item.items():
        if isinstance(value, list):
            lists[key] = value
        elif isinstance(value, dict) and value and list(value) == [str(i) for i in range(len(value))]:
            lists[key] = list(value.values())
    lengths = {len(each) for each in lists.values()}
    flat = all(not isinstance(cell, dict | list) for each in lists.values() for cell in each)
    return lists if len(lists) > 1 and len(lengths) == 1 and 0 not in lengths and flat else {}


def _alike(item: Mapping[str, dict[str, Any]]) -> bool:
    """Whether the objects under the keys share a key: runs do, settings and results of one run do not."""
    return len(item) > 1 and bool(set.intersection(*(set(value) for value in item.values())))
