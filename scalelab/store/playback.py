"""A store that grows as another one grew: what is in it at a moment is what the recorded one had then.

The recorded store is only read: it is copied whole, and rows come out of that copy into the growing one, a transaction
a look, so that readers see what they would have seen. Must not know clocks nor screens.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from scalelab.records import RunSpec, RunState
from scalelab.store import schema
from scalelab.store.reader import Reader

_SAME = {
    "point": "run, step", "evaluation": "run, step", "checkpoint": "run, step", "usage": "slot",
    "score": "run, name", "part_evaluation": "run, part", "seal": "part, key",
}  # fmt: skip
"""What is filled up at the end besides facts and runs, and what makes two of their rows one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One worker's time at a run, in seconds since the epoch."""

    run: str
    attempt: int
    start: float
    last: float
    """When its last point came."""
    end: float | None = None
    """When it was said to be over: long after its last point where it died unseen, None where nobody said so."""
    state: RunState | None = None
    """What was said then."""


class _Series:
    """The rows of a table in the order of their ids, each with the time at which it came."""

    def __init__(self, rows: Iterable[tuple[int, float]]) -> None:
        found = list(rows)
        self.ids = [row[0] for row in found]
        # A clock that was set back does not change what came first.
        self.times = list(accumulate((row[1] for row in found), max))
        self._next = 0

    def take(self, time: float) -> list[int]:
        """The ids that have come since the last call."""
        first, self._next = self._next, max(bisect_right(self.times, time), self._next)
        return self.ids[first : self._next]


class Playback:
    """The growing store at `target`, for one thread; nothing but the plan is in it before `advance`.

    Raises
    ------
    ScalelabError
        The recorded store is none, is damaged, or of a newer scalelab; `StoreBusy` where another process holds it.
    """

    def __init__(self, recorded: Path, target: Path, *, late: Iterable[str] = ()) -> None:
        """`late` names facts that were written as the lab went on: they come at the end."""
        self._whole = target.with_name(f"{target.name}.whole")
        _copy(recorded, self._whole)
        self._db = sqlite3.connect(target, isolation_level=None)
        schema.journal(self._db, target)
        schema.prepare(self._db, target)
        # What a power cut takes is still in the recorded store.
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("ATTACH ? AS whole", (str(self._whole),))
        self._changes = self._series("state_change")
        self._fits, self._predictions = self._series("fit"), self._series("prediction")
        self.attempts = tuple(self._attempts())
        """All of them, in the order in which they began."""
        self._by_name = {(each.run, each.attempt): each for each in self.attempts}
        self._training: dict[str, Attempt] = {}
        self._whole_there = False
        self._reached: dict[Attempt, int] = {}
        """The newest step that an attempt has come to here."""
        self.first, self.last = self._ends()
        """When the plan was made, and when the last thing happened."""
        self._begin(tuple(late))

    def advance(self, time: float) -> None:
        """Bring the store to a moment not before the last one; from `last` on it has all that the recorded one has."""
        if self._whole_there:
            return
        self._run("BEGIN IMMEDIATE")
        for change in self._changes.take(time):
            self._change(change)
        for attempt in self._training.values():
            self._grow(attempt, time)
        for table, series in (("fit", self._fits), ("prediction", self._predictions)):
            if ids := series.take(time):
                columns = self._columns(table)
                self._run(
                    f"INSERT INTO {table} ({columns}) SELECT {columns} FROM whole.{table} WHERE id BETWEEN ? AND ?",
                    ids[0],
                    ids[-1],
                )
                self._unscore(table, ids)
        if time >= self.last:
            self._complete()
        self._run("COMMIT")

    def close(self) -> None:
        """Let go of the files."""
        self._db.close()

    # What there is to play

    def _series(self, table: str) -> _Series:
        return _Series((row[0], row[1]) for row in self._run(f"SELECT id, time FROM whole.{table} ORDER BY id"))

    def _attempts(self) -> Iterable[Attempt]:
        spent = {
            row[:2]: row[2] or 0.0
            for row in self._run("SELECT run, attempt, max(seconds) FROM whole.point GROUP BY run, attempt")
        }
        found: dict[str, list[Attempt]] = {}
        rows = self._run("SELECT run, attempt, state FROM whole.state_change ORDER BY id")
        for (run, attempt, state), time in zip(rows, self._changes.times, strict=True):
            past = found.setdefault(run, [])
            if past and past[-1].end is None:
                before = past[-1]
                past[-1] = replace(before, end=time, last=min(before.last, time), state=RunState(state))
            if state == RunState.RUNNING:
                last = time + spent.get((run, attempt), 0.0)
                past.append(Attempt(run=run, attempt=attempt, start=time, last=last))
        return sorted((each for past in found.values() for each in past), key=lambda each: each.start)

    def _ends(self) -> tuple[float, float]:
        made = self._run("SELECT min(changed) FROM whole.run")[0][0] or 0.0
        times = [time for series in (self._changes, self._fits, self._predictions) for time in series.times]
        first = min([made, *times])
        return first, max([first, *times, *(attempt.last for attempt in self.attempts)])

    # How it grows

    def _begin(self, late: tuple[str, ...]) -> None:
        """The plan as it was before anything was trained."""
        self._run("BEGIN IMMEDIATE")
        self._run(f"INSERT INTO meta SELECT * FROM whole.meta WHERE key NOT IN ({_marks(late)})", *late)
        columns = self._columns("run")
        self._run(f"INSERT INTO run ({columns}) SELECT {columns} FROM whole.run")
        for run, spec in self._run("SELECT run, spec FROM run"):
            self._run(
                "UPDATE run SET state = ?, attempt = 0, step = ?, reason = '', changed = ? WHERE run = ?",
                RunState.PLANNED, RunSpec.from_json(spec).first_step, self.first, run,
            )  # fmt: skip
        self._run("COMMIT")

    def _change(self, change: int) -> None:
        """A run's next state, and before it all that its attempt had written by then."""
        columns = self._columns("state_change")
        (run, attempt, state), *_ = self._run("SELECT run, attempt, state FROM whole.state_change WHERE id = ?", change)
        if (over := self._training.pop(run, None)) is not None:
            self._grow(over)
        if state == RunState.RUNNING:
            self._training[run] = self._by_name[run, attempt]
        self._run(f"INSERT INTO state_change ({columns}) SELECT {columns} FROM whole.state_change WHERE id = ?", change)
        self._run(
            "UPDATE run SET (state, attempt, step, reason, changed) = (SELECT state, attempt, step, reason, time "
            "FROM state_change WHERE id = ?) WHERE run = ?",
            change,
            run,
        )
        if state == RunState.DONE:
            for table in ("score", "part_evaluation"):
                columns = self._columns(table)
                self._run(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM whole.{table} WHERE run = ?", run)
            self._run(
                "UPDATE prediction SET (observed, scored) = (SELECT w.observed, w.scored FROM whole.prediction w "
                "WHERE w.id = prediction.id) WHERE run = ?",
                run,
            )

    def _grow(self, attempt: Attempt, time: float | None = None) -> None:
        """An attempt's points up to a moment (None: all there are), and what was measured by then."""
        name, reached = (attempt.run, attempt.attempt), self._reached.get(attempt, -1)
        over = time is None
        until, values = ("", ()) if over else (" AND ? + coalesce(seconds, 0) <= ?", (attempt.start, time))
        rows = f"FROM whole.point WHERE run = ? AND attempt = ? AND step > ?{until}"
        step = self._run(f"SELECT max(step) {rows}", *name, reached, *values)[0][0]
        if step is None and not over:
            return
        columns = self._columns("point", but="id")
        self._run(f"INSERT INTO point ({columns}) SELECT {columns} {rows} ORDER BY step", *name, reached, *values)
        columns = self._columns("evaluation", but="id")
        here = "" if over else f" AND step <= {step}"
        self._run(
            f"INSERT INTO evaluation ({columns}) SELECT {columns} FROM whole.evaluation "
            f"WHERE run = ? AND attempt = ? AND step > ?{here} ORDER BY step",
            *name,
            reached,
        )
        if step is not None:
            self._reached[attempt] = step
            self._run("UPDATE run SET step = ? WHERE run = ?", step, attempt.run)

    def _unscore(self, table: str, ids: list[int]) -> None:
        """A prediction comes before its run's end."""
        if table == "prediction":
            self._run(
                "UPDATE prediction SET observed = NULL, scored = NULL WHERE id BETWEEN ? AND ? "
                f"AND run NOT IN (SELECT run FROM run WHERE state = '{RunState.DONE}')",
                ids[0],
                ids[-1],
            )

    def _complete(self) -> None:
        """Whatever no clock told of, exactly as it is."""
        columns = self._columns("run")
        self._run("INSERT OR REPLACE INTO meta SELECT * FROM whole.meta")
        self._run(f"INSERT OR REPLACE INTO run ({columns}) SELECT {columns} FROM whole.run")
        self._run("UPDATE prediction SET (observed, scored) = (SELECT w.observed, w.scored FROM whole.prediction w "
                  "WHERE w.id = prediction.id)")  # fmt: skip
        for table, same in _SAME.items():
            columns = self._columns(table, but="id")
            self._run(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM whole.{table} "
                f"WHERE ({same}) NOT IN (SELECT {same} FROM {table})"
            )
        self._whole_there = True

    # SQL

    def _columns(self, table: str, but: str = "") -> str:
        names = [row[1] for row in self._run(f"PRAGMA main.table_info({table})")]
        return ", ".join(name for name in names if name != but)

    def _run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise schema.told(error, self._whole) from None


def _copy(recorded: Path, target: Path) -> None:
    """The recorded store as today's schema has it; what migrating changes is changed in the copy."""
    with Reader(recorded) as reader, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        reader.copy_to(copy)
        schema.prepare(copy, target)


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))
