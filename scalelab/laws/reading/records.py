"""Objects with keys (JSON lines, runs of a folder) → a sheet: nested keys become dots, all keys become headings.

Knows no file.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from scalelab.errors import BadInput
from scalelab.laws.reading.sheets import Cell, Refused, Row, Sheet

LOOKED_AT = 1_000
"""Objects whose keys become headings; a key that first appears later is not seen."""
DEEPEST = 8
"""Objects inside objects."""
MOST_KEYS = 2_000
"""Keys of one object, and headings in all."""
LONGEST_TEXT = 10_000

Record = tuple[int | None, Mapping[str, Any] | Refused]
"""Line, and the object or why it is none."""


def sheet_of(records: Iterator[Record], name: str, notes: Sequence[str] = ()) -> Sheet:
    """A sheet whose headings are the keys of the first objects, in the order in which they appear."""
    first = [(line, flat(item) if isinstance(item, Mapping) else item)
             for line, item in itertools.islice(records, LOOKED_AT)]  # fmt: skip
    keys = dict.fromkeys(key for _, item in first if isinstance(item, dict) for key in item)
    if not keys:
        refused = next((item.reason for _, item in first if isinstance(item, Refused)), "it holds no objects")
        raise BadInput(f"no runs in {name}: {refused}", allowed="objects with n_params, tokens, loss")
    headings = list(keys)[:MOST_KEYS]

    def rows(_: Collection[int]) -> Iterator[Row]:
        for line, item in itertools.chain(first, records):
            if isinstance(item, Refused):
                yield line, item
            else:
                whole = item if isinstance(item, dict) else flat(item)
                yield line, list(map(whole.get, headings))

    return Sheet(headings=headings, rows=rows, notes=tuple(notes))


def flat(item: Mapping[str, Any]) -> dict[str, Cell]:
    """An object with one key for each value: {"config": {"n": 1}} → {"config.n": 1}; lists are left out."""
    found: dict[str, Cell] = {}
    _flatten(item, "", found, 0)
    return found


def _flatten(item: Mapping[str, Any], lead: str, found: dict[str, Cell], depth: int) -> None:
    for key, value in item.items():
        if len(found) >= MOST_KEYS:
            return
        name = f"{lead}{str(key)[:200]}"
        if isinstance(value, Mapping):
            if depth < DEEPEST:
                _flatten(value, f"{name}.", found, depth + 1)
        elif isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif isinstance(value, str):
            found[name] = value[:LONGEST_TEXT]
        elif value is None or isinstance(value, int | float):
            found[name] = value
