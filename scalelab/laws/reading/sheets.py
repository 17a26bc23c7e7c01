"""What every reader hands over: the headings of a table and its rows one after the other, whatever file they lie in.

Knows neither the files nor what a heading means.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

MOST_ROWS = 5_000_000
"""Rows of one table: more runs than anybody has trained, and still in the memory of a laptop."""

Cell = str | float | int | None
"""One cell: text as it stood in the file, a number where the format has numbers, None where nothing stood."""


class Refused(NamedTuple):
    """A row that its reader could not make cells of."""

    run: str
    """Its name, or ""."""
    reason: str


Row = tuple[int | None, list[Any] | Refused]
"""Line of the file, counted from 1 (None where there are no lines), and the cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table that has not been read yet."""

    headings: Sequence[str]
    rows: Callable[[Collection[int]], Iterator[Row]]
    """The rows, to be asked for once, given the positions of the columns that matter; the other cells may be None."""
    notes: tuple[str, ...] = ()
    """What the reader guessed, one sentence each."""
