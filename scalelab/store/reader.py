"""Read-only eyes on lab.db, for any number of processes, while one writes and after everyone has died.

Opens with mode=ro and never holds a transaction between two calls, so that it can hold up neither the writer nor the
cleaning of the WAL. `changed` and the cursors of `points_since` make a poll cost microseconds while nothing happens.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from scalelab.errors import ScalelabError
from scalelab.records import (
    Evaluation,
    PartEvaluation,
    Point,
    RunSpec,
    RunState,
    Saved,
    Score,
    Usage,
    field_names,
)
from scalelab.store import decoding, requests, schema, seals
from scalelab.store.rows import FitRow, PredictionRow, RequestRow, RunRow, StateChange

_POINT = field_names(Point)
_POINTS = f"SELECT {', '.join(_POINT)} FROM point"
_EVALUATION = field_names(Evaluation)
_EVALUATIONS = f"SELECT {', '.join(_EVALUATION)} FROM evaluation"
_USAGE = f"SELECT {', '.join(field_names(Usage))} FROM usage ORDER BY slot"
_SCORE = field_names(Score)
_PART = field_names(PartEvaluation)
GROUPS = "groups"
"""A fact: the names of the lab's groups as a JSON list, where there are several."""
_FIT = "SELECT id, after_run, time, json FROM fit"


class Reader:
    """A reader of one lab's store.

    Raises
    ------
    ScalelabError
        There is no store, it is damaged, or a newer scalelab wrote it; `StoreBusy` where another process holds it.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 2.0) -> None:
        self.path = path
        if not path.is_file():
            raise ScalelabError(f"there is no lab at {path.parent}", todo="`scalelab run` makes one")
        self._db = self._open(path, busy_seconds)
        self._version: int | None = None
        self._specs: dict[str, RunSpec] = {}
        self._respecified: str | None = None
        self._verified: dict[str, set[str]] = {}

    # What is there

    def runs(self) -> list[RunRow]:
        """All runs in the order of the plan."""
        self._forget_old_specs()
        not_exact = "not_exact" if self._has(schema.USAGE_SINCE) else "''"
        rows = self._all(
            f"SELECT run, position, expected_seconds, state, attempt, step, reason, changed, {not_exact} "
            "FROM run ORDER BY position"
        )
        return [
            RunRow(
                spec=self._spec(row[0]),
                position=row[1],
                expected_seconds=row[2],
                state=self._state(row[3]),
                attempt=row[4],
                step=row[5],
                reason=row[6],
                changed=row[7],
                not_exact=row[8],
            )
            for row in rows
        ]

    def run(self, name: str) -> RunRow | None:
        """The run of this name."""
        return next((row for row in self.runs() if row.run == name), None)

    def finals(self, part: str | None = None) -> list[Evaluation]:
        """The annealed ends of the runs that are done: the only points of a fit, in the order of the plan.

        Of one part of a mixture, with what was measured on its text alone; runs that were not are left out.
        """
        columns = ", ".join(f"e.{name}" for name in _EVALUATION)
        rows = self._all(
            f"SELECT {columns} FROM evaluation e JOIN run r ON r.run = e.run "
            "WHERE e.final AND r.state = 'done' ORDER BY r.position, e.step"
        )
        found = [decoding.evaluation(row) for row in rows]
        self._verify("evaluation", {one.run for one in found})
        if part is None:
            return found
        own = {each.run: each for each in self.parts() if each.part == part}
        return [_on_part(one, own[one.run]) for one in found if one.run in own]

    def parts(self) -> list[PartEvaluation]:
        """What the runs that are done reach on each part of a mixture, in the order of the plan; else empty."""
        if not self._has(schema.PARTS_SINCE):
            return []
        found = [decoding.part_evaluation(row) for row in self._all(_of_done("part_evaluation", _PART))]
        self._verify("part_evaluation", {one.run for one in found})
        return found

    def points(self, run: str, after_step: int = -1) -> list[Point]:
        """A run's points after a step, in order of steps."""
        return [
            decoding.point(row)
            for row in self._all(f"{_POINTS} WHERE run = ? AND step > ? ORDER BY step", run, after_step)
        ]

    def points_since(self, cursor: int = 0, limit: int = 100_000) -> tuple[list[Point], int]:
        """Points of all runs written after the cursor, replayed steps among them, and the next cursor."""
        rows = self._all(f"SELECT {', '.join(_POINT)}, id FROM point WHERE id > ? ORDER BY id LIMIT ?", cursor, limit)
        return [decoding.point(row[:-1]) for row in rows], rows[-1][-1] if rows else cursor

    def latest_points(self) -> dict[str, Point]:
        """The newest point of each run."""
        rows = self._all(f"SELECT {', '.join(_POINT)} FROM point WHERE id IN (SELECT max(id) FROM point GROUP BY run)")
        return {row[0]: decoding.point(row) for row in rows}

    def evaluations(self, run: str | None = None) -> list[Evaluation]:
        """The held-out measures of one run, or of all, in order of steps."""
        if run is None:
            return [decoding.evaluation(row) for row in self._all(f"{_EVALUATIONS} ORDER BY run, step")]
        return [decoding.evaluation(row) for row in self._all(f"{_EVALUATIONS} WHERE run = ? ORDER BY step", run)]

    def states(self, run: str | None = None) -> list[StateChange]:
        """Every change of state, oldest first, of one run or of all."""
        sql = "SELECT run, attempt, state, step, reason, time FROM state_change"
        rows = self._all(f"{sql} ORDER BY id") if run is None else self._all(f"{sql} WHERE run = ? ORDER BY id", run)
        return [
            StateChange(run=row[0], attempt=row[1], state=self._state(row[2]), step=row[3], reason=row[4], time=row[5])
            for row in rows
        ]

    def checkpoints(self, run: str | None = None) -> list[Saved]:
        """Checkpoints that were reported whole, in order of steps."""
        sql = "SELECT run, attempt, step, path, for_branch FROM checkpoint"
        rows = (
            self._all(f"{sql} ORDER BY run, step")
            if run is None
            else self._all(f"{sql} WHERE run = ? ORDER BY step", run)
        )
        return [Saved(run=row[0], attempt=row[1], step=row[2], path=row[3], for_branch=bool(row[4])) for row in rows]

    def usage(self) -> dict[int, Usage]:
        """The latest usage of each slot; its time tells whether anybody still trains there."""
        if not self._has(schema.USAGE_SINCE):
            return {}
        return {row[0]: Usage(**dict(zip(field_names(Usage), row, strict=True))) for row in self._all(_USAGE)}

    def scores(self) -> list[Score]:
        """What the runs that are done reached in the lab's task, in the order of the plan; empty without a task."""
        if not self._has(schema.SCORES_SINCE):
            return []
        found = [Score(**dict(zip(_SCORE, row, strict=True))) for row in self._all(_of_done("score", _SCORE))]
        self._verify("score", {one.run for one in found})
        return found

    def groups(self) -> tuple[str, ...]:
        """The names of the lab's groups in order; ("",) where all runs are of one."""
        kept = self.meta(GROUPS)
        return tuple(json.loads(kept)) if kept else ("",)

    def fits(self, group: str | None = None) -> list[FitRow]:
        """All fits of a group (None: the first), oldest first."""
        sql, values = self._fits_of(group)
        return [decoding.fit(row) for row in self._all(f"{sql} ORDER BY id", *values)]

    def latest_fit(self, group: str | None = None) -> FitRow | None:
        """The last good fit of a group (None: the first); its age is its `time` and `after_run`."""
        sql, values = self._fits_of(group)
        rows = self._all(f"{sql} ORDER BY id DESC LIMIT 1", *values)
        return decoding.fit(rows[0]) if rows else None

    def _fits_of(self, group: str | None) -> tuple[str, tuple[str, ...]]:
        """A fit is of the group of the run after which it was made."""
        groups = self.groups()
        if len(groups) == 1:
            return _FIT, ()
        run = "SELECT run FROM run WHERE coalesce(json_extract(spec, '$.group'), '') = ?"
        return f"{_FIT} WHERE after_run IN ({run})", (groups[0] if group is None else group,)

    def predictions(self, run: str | None = None) -> list[PredictionRow]:
        """What was predicted for one run or for all, oldest first."""
        sql = "SELECT run, fit, time, loss, low, high, observed FROM prediction"
        rows = self._all(f"{sql} ORDER BY id") if run is None else self._all(f"{sql} WHERE run = ? ORDER BY id", run)
        return [
            PredictionRow(run=row[0], fit=row[1], time=row[2], loss=row[3], low=row[4], high=row[5], observed=row[6])
            for row in rows
        ]

    def meta(self, key: str) -> str | None:
        """A fact about the lab: "preset", "tokens", "device", "plan_seconds" …"""
        rows = self._all("SELECT value FROM meta WHERE key = ?", key)
        return str(rows[0][0]) if rows else None

    def requests(self) -> list[RequestRow]:
        """All requests, answered or not."""
        rows = self._all("SELECT id, verb, args, time, handled, reply FROM request ORDER BY id")
        return [
            RequestRow(id=row[0], verb=row[1], args=json.loads(row[2]), time=row[3], handled=row[4], reply=row[5])
            for row in rows
        ]

    # How it is kept

    def changed(self) -> bool:
        """Whether another process has written since the last call; True at the first."""
        seen = int(self._all("PRAGMA data_version")[0][0])
        before, self._version = self._version, seen
        return seen != before

    def request(self, verb: str, args: dict[str, Any] | None = None) -> int:
        """Ask something of the supervisor; the request's id."""
        return requests.ask(self.path, verb, args)

    def copy_to(self, target: sqlite3.Connection) -> None:
        """The whole store as it stands now, into an empty database."""
        try:
            self._db.backup(target)
        except sqlite3.Error as error:
            raise schema.told(error, self.path) from None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _open(path: Path, busy_seconds: float) -> sqlite3.Connection:
        uri = path.absolute().as_uri()
        # Of a folder that we may not write to, sqlite can read a WAL store only when told that nobody writes.
        still = not path.with_name(f"{path.name}-wal").exists()
        for mode in ("mode=ro", "mode=ro&immutable=1") if still else ("mode=ro",):
            connection = sqlite3.connect(f"{uri}?{mode}", uri=True, timeout=busy_seconds, isolation_level=None)
            try:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                schema.check(connection, path)
                return connection
            except sqlite3.Error as error:
                problem = schema.told(error, path)
                connection.close()
            except ScalelabError:
                connection.close()
                raise
        raise problem

    def select(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, for the other files of this room."""
        return self._all(sql, *values)

    def _all(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise schema.told(error, self.path) from None
        except UnicodeDecodeError as error:
            raise schema.damaged(self.path, error) from None

    def _forget_old_specs(self) -> None:
        now = self.meta(schema.RESPECIFIED)
        if now != self._respecified:
            self._specs, self._respecified = {}, now

    def _has(self, since: int) -> bool:
        """Whether the store is of that version or later; one that is open may be migrated by its writer."""
        return bool(self._all("PRAGMA user_version")[0][0] >= since)

    def _spec(self, run: str) -> RunSpec:
        # Specs hardly ever change and parsing one costs as much as reading twenty rows.
        if run not in self._specs:
            rows = self._all("SELECT run, spec FROM run")
            try:
                self._specs = {name: RunSpec.from_json(text) for name, text in rows}
            except (ValueError, TypeError, KeyError) as error:
                raise schema.damaged(self.path, f"what a run is: {error}") from None
        return self._specs[run]

    def _state(self, text: str) -> RunState:
        try:
            return RunState(text)
        except ValueError as error:
            raise schema.damaged(self.path, error) from None

    def _verify(self, table: str, runs: set[str]) -> None:
        """Refuse measures that are not as they were written; each run is looked at once."""
        verified = self._verified.setdefault(table, set())
        if runs <= verified or not self._has(schema.SEALS_SINCE):
            return
        try:
            broken = {run for _, run in seals.broken(self._db, table)}
        except sqlite3.Error as error:
            raise schema.damaged(self.path, error) from None
        if wrong := sorted(broken & runs):
            raise ScalelabError(
                f"store {self.path} is damaged: the {_MEASURED[table]} of {wrong[0]} are not as they were written",
                todo="`scalelab run` trains it again",
            )
        verified |= runs


_MEASURED = {"evaluation": "losses", "part_evaluation": "losses", "score": "scores"}


def _on_part(final: Evaluation, own: PartEvaluation) -> Evaluation:
    """The end of a run as measured on one part of a mixture."""
    return replace(
        final, loss=own.loss, loss_se=own.loss_se, accuracy=own.accuracy, bits_per_byte=own.bits_per_byte,
        evaluated_tokens=own.evaluated_tokens,
    )  # fmt: skip


def _of_done(table: str, columns: Sequence[str]) -> str:
    """The rows of a table for the runs that are done, in the order of the plan."""
    names = ", ".join(f"t.{name}" for name in columns)
    return f"SELECT {names} FROM {table} t JOIN run r ON r.run = t.run WHERE r.state = 'done' ORDER BY r.position"
