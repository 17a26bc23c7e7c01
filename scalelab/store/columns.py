"""Points as columns of numbers, for whoever draws many: at a tenth of what records cost.

A million points as `Point` are 15 seconds of Python, as columns 1.5, and sqlite lets go of the interpreter at every
row. Reads, never writes; knows neither what a curve is for nor how it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scalelab.store.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable

Array = npt.NDArray[np.float64]

MANY = 16_384
"""Points from which a run is thinned: more than any screen has columns, with room to look closer."""
SPANS = 1024
"""Parts into which each doubling of the steps is cut where a run is thinned, so that a log axis has its share."""
# A NULL is a NaN; numpy reads the word.
_NAMES = "step, n_tokens, ifnull(loss, 'nan'), ifnull(seconds, 'nan'), attempt"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Points of one run in order of steps; arrays of one length."""

    step: Array
    n_tokens: Array
    loss: Array
    """Nats a token; NaN is a gap."""
    seconds: Array
    """Of its own attempt."""
    attempt: Array

    def __len__(self) -> int:
        return len(self.step)

    def where(self, kept: npt.NDArray[Any] | slice) -> Columns:
        """Some of them."""
        return Columns(**{each.name: getattr(self, each.name)[kept] for each in fields(self)})


def newest(reader: Reader) -> int:
    """The cursor behind all points that are written now."""
    return int(reader.select("SELECT ifnull(max(id), 0) FROM point")[0][0])


def last_step(reader: Reader, run: str) -> int:
    """The step of a run's last point; -1 where it has none."""
    return int(reader.select("SELECT ifnull(max(step), -1) FROM point WHERE run = ?", run)[0][0])


def spent(reader: Reader) -> dict[str, tuple[float, float]]:
    """By run: its tokens at its newest point, and the seconds up to there of all attempts.

    They are NaN where those of an attempt are not known. A step that a later attempt repeats is that attempt's: of the
    one before counts what was kept.
    """
    each = "SELECT run, max(n_tokens) AS tokens, max(seconds) AS seconds FROM point GROUP BY run, attempt"
    known = "CASE WHEN count(seconds) = count(*) THEN sum(seconds) END"
    rows = reader.select(f"SELECT run, max(tokens), ifnull({known}, 'nan') FROM ({each}) GROUP BY run")
    return {run: (float(tokens), float(seconds)) for run, tokens, seconds in rows}


def of_run(reader: Reader, run: str, *, until: int | None = None, whole: bool = True) -> Columns:
    """A run's points as far as a cursor; with `whole=False`, of very many only what can be seen of them.

    What is thinned keeps its first and last point, the lowest and the highest of every span, and a NaN wherever there
    is one: a spike stays and a gap stays.
    """
    limit = 2**62 if until is None else until
    if not whole:
        found = reader.select("SELECT count(*), min(step), max(step) FROM point WHERE run = ? AND id <= ?", run, limit)
        count, first, last = found[0]
        if count > MANY:
            return _thinned(reader, run, limit, first, last)
    return _columns(reader.select(f"SELECT {_NAMES} FROM point WHERE run = ? AND id <= ? ORDER BY step", run, limit))


def since(reader: Reader, cursor: int, limit: int) -> tuple[dict[str, Columns], int, int]:
    """Points of all runs written after the cursor, replayed steps among them; the next cursor; how many they are."""
    rows = reader.select(f"SELECT {_NAMES}, run, id FROM point WHERE id > ? ORDER BY id LIMIT ?", cursor, limit)
    return _by_run(rows, -2), rows[-1][-1] if rows else cursor, len(rows)


def sampled(reader: Reader, share: float, until: int) -> dict[str, Columns]:
    """About this share of the points of all runs as far as a cursor: a first look at a very large lab."""
    # Runs that train side by side take turns: every tenth id might be one run's. A product's low bits take none's side.
    rows = reader.select(
        f"SELECT {_NAMES}, run FROM point WHERE (id * 2654435761 & 4294967295) < ? AND id <= ?",
        int(share * 2**32),
        until,
    )
    return _by_run(sorted(rows, key=lambda row: (row[-1], row[0])), -1)


def _thinned(reader: Reader, run: str, limit: int, first: int, last: int) -> Columns:
    parts, low = [], first
    while low <= last:
        high = max(2 * low, low + SPANS)
        parts.append(_span(reader, run, limit, low, min(high, last + 1), max((high - low) // SPANS, 1), (first, last)))
        low = high
    return Columns(
        **{name.name: np.concatenate([getattr(part, name.name) for part in parts]) for name in fields(Columns)}
    )


def _span(reader: Reader, run: str, limit: int, low: int, high: int, width: int, ends: tuple[int, int]) -> Columns:
    """Of each `width` steps the lowest, the highest and the first NaN; sqlite takes the rest of a row from there."""
    here = "FROM point WHERE run = ?1 AND id <= ?2 AND step >= ?3 AND step < ?4"
    kinds = (
        f"SELECT step, n_tokens, min(loss) AS loss, seconds, attempt {here} GROUP BY step / ?5",
        f"SELECT step, n_tokens, max(loss), seconds, attempt {here} GROUP BY step / ?5",
        f"SELECT min(step), n_tokens, loss, seconds, attempt {here} AND loss IS NULL GROUP BY step / ?5",
        f"SELECT step, n_tokens, loss, seconds, attempt {here} AND step IN (?6, ?7)",
    )
    sql = f"SELECT {_NAMES} FROM ({' UNION ALL '.join(kinds)}) GROUP BY step ORDER BY step"
    return _columns(reader.select(sql, run, limit, low, high, width, *ends))


def _by_run(rows: list[tuple[Any, ...]], at: int) -> dict[str, Columns]:
    """Rows by the run that stands in one of their places."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row[at], []).append(row[:5])
    return {run: _columns(own) for run, own in found.items()}


def _columns(rows: Iterable[tuple[Any, ...]]) -> Columns:
    table = np.fromiter(chain.from_iterable(rows), dtype=np.float64).reshape(-1, len(fields(Columns)))
    return Columns(**dict(zip((each.name for each in fields(Columns)), np.ascontiguousarray(table.T), strict=True)))
