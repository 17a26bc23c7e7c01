"""The one writer of lab.db; must not know why anything is written.

How it gets into the file, and waits where it cannot, is the queue's.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from scalelab.records import (
    Evaluation,
    Message,
    Notice,
    Outcome,
    PartEvaluation,
    Point,
    RunSpec,
    RunState,
    Saved,
    Score,
    Usage,
    field_names,
)
from scalelab.store import schema, seals
from scalelab.store.queue import Queue
from scalelab.store.rows import RequestRow


def _insert(table: str, columns: Iterable[str]) -> str:
    names = tuple(columns)
    return f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


_POINT = field_names(Point)
_EVALUATION = field_names(Evaluation)
_INSERT_POINT = _insert("point", _POINT)
_INSERT_EVALUATION = _insert("evaluation", _EVALUATION)
_USAGE = field_names(Usage)
_INSERT_USAGE = _insert("usage", _USAGE)
_SCORE = field_names(Score)
_INSERT_SCORE = _insert("score", _SCORE)
_PART = field_names(PartEvaluation)
_INSERT_PART = _insert("part_evaluation", _PART)
_INSERT_SAVED = _insert("checkpoint", (*field_names(Saved), "time"))


class Writer(Queue):
    """The single writer. Outside `batch()` every call commits; inside, the end of the block does, once."""

    def __init__(self, path: Path, *, busy_seconds: float = 0.2, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path, busy_seconds=busy_seconds)
        self._clock = clock
        self._version: int | None = None
        try:
            self._fit = int(self._db.execute("SELECT coalesce(max(id), 0) FROM fit").fetchone()[0])
        except sqlite3.Error as error:
            self._db.close()
            raise schema.told(error, path) from None

    # What is written

    def create(self, preset_toml: str) -> None:
        """Begin a lab: what it was asked to be, and when."""
        with self.batch(durable=True):
            self.set_meta("preset", preset_toml)
            self.set_meta("created", repr(self._clock()))

    def add_runs(self, runs: Iterable[tuple[RunSpec, float]], *, first: int = 0) -> None:
        """Put runs into the plan from position `first`, each with the seconds it is expected to take."""
        now = self._clock()
        rows = [
            (spec.run, position, spec.to_json(), seconds, RunState.PLANNED.value, 0, spec.first_step, "", now)
            for position, (spec, seconds) in enumerate(runs, first)
        ]
        self._put(
            "INSERT INTO run (run, position, spec, expected_seconds, state, attempt, step, reason, changed) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def set_spec(self, spec: RunSpec, expected_seconds: float | None = None) -> None:
        """Change what a run that has not ended is: its memory, its rate, or how far a trunk goes."""
        with self.batch():
            self._put(
                "UPDATE run SET spec = ?, expected_seconds = coalesce(?, expected_seconds) WHERE run = ?",
                [(spec.to_json(), expected_seconds, spec.run)],
            )
            self._put(
                "INSERT INTO meta (key, value) VALUES (?, '1') ON CONFLICT (key) DO UPDATE SET value = value + 1",
                [(schema.RESPECIFIED,)],
            )
            self._put(seals.SEAL_ROW["meta"], [(schema.RESPECIFIED,)])
            self._seal(spec.run)

    def write(self, messages: Iterable[Message]) -> None:
        """What workers sent: points, evaluations, checkpoints. An Outcome or a Notice only moves the run's step: what
        follows from it is the supervisor's to say.
        """
        now = self._clock()
        points, evaluations, parts, saved, usage, scores, steps = [], [], [], [], [], [], {}
        for message in messages:
            match message:
                case Point():
                    points.append(tuple(getattr(message, name) for name in _POINT))
                case Evaluation():
                    evaluations.append(tuple(getattr(message, name) for name in _EVALUATION))
                case PartEvaluation():
                    parts.append(tuple(getattr(message, name) for name in _PART))
                case Saved():
                    saved.append((message.run, message.attempt, message.step, message.path, message.for_branch, now))
                case Score():
                    scores.append(tuple(getattr(message, name) for name in _SCORE))
                case Usage():
                    usage.append(tuple(getattr(message, name) for name in _USAGE))
                    continue
                case Outcome() | Notice():
                    pass
            steps[message.run] = (message.step, message.run)
        with self.batch():
            self._put(seals.BREAK_RUN, [(run,) for run in steps])
            self._put(_INSERT_POINT, points)
            self._put(_INSERT_EVALUATION, evaluations)
            self._put(_INSERT_PART, parts)
            self._put(_INSERT_SAVED, saved)
            self._put(_INSERT_USAGE, usage)
            self._put(_INSERT_SCORE, scores)
            self._put("UPDATE run SET step = ? WHERE run = ?", list(steps.values()))

    def set_state(self, run: str, attempt: int, state: RunState, reason: str = "") -> None:
        """Change a run's state, and keep the change as a row; an end is synced to the disk."""
        now = self._clock()
        with self.batch(durable=state not in {RunState.PLANNED, RunState.RUNNING}):
            self._put(
                "UPDATE run SET state = ?, attempt = ?, reason = ?, changed = ? WHERE run = ?",
                [(state.value, attempt, reason, now, run)],
            )
            self._put(
                "INSERT INTO state_change (run, attempt, state, step, reason, time) "
                "SELECT run, attempt, state, step, reason, changed FROM run WHERE run = ?",
                [(run,)],
            )
            self._seal(run)

    def set_step(self, run: str, step: int) -> None:
        """Where a run that begins again stands."""
        with self.batch():
            self._put("UPDATE run SET step = ? WHERE run = ?", [(step, run)])
            self._seal(run)

    def set_not_exact(self, run: str, why: str) -> None:
        """Keep why a run's numbers are not bit for bit those of an undisturbed one; the first reason stays."""
        with self.batch():
            self._put("UPDATE run SET not_exact = ? WHERE run = ? AND not_exact = ''", [(why, run)])
            self._seal(run)

    def forget_checkpoints(self, run: str, steps: Iterable[int]) -> None:
        """Checkpoints that are no longer on disk."""
        self._put("DELETE FROM checkpoint WHERE run = ? AND step = ?", [(run, step) for step in steps])

    def add_fit(self, json: str, after_run: str) -> int:
        """Keep a fit; its id."""
        self._fit += 1
        with self.batch():
            self._put(
                "INSERT INTO fit (id, after_run, time, json) VALUES (?, ?, ?, ?)",
                [(self._fit, after_run, self._clock(), json)],
            )
            self._put(seals.SEAL_ROW["fit"], [(self._fit,)])
        return self._fit

    def add_prediction(self, run: str, fit: int, loss: float, low: float, high: float) -> None:
        """What a fit says about a run that has not ended."""
        with self.batch():
            self._put(
                "INSERT INTO prediction (run, fit, time, loss, low, high) VALUES (?, ?, ?, ?, ?, ?)",
                [(run, fit, self._clock(), loss, low, high)],
            )
            self._seal(run)

    def score(self, run: str, observed: float) -> None:
        """Set the loss that a run reached beside everything that was predicted for it."""
        self._put("UPDATE prediction SET observed = ?, scored = ? WHERE run = ?", [(observed, self._clock(), run)])

    def forget(self, part: str, key: str) -> None:
        """Remove rows that are not as they were written: a fit, or what one table keeps of a run."""
        with self.batch(durable=True):
            column = "id" if part == "fit" else "run"
            self._put(f"DELETE FROM {part} WHERE {column} = ?", [(key,)])
            self._put("DELETE FROM seal WHERE part = ? AND key = ?", [(part, key)])

    def set_meta(self, key: str, value: str) -> None:
        """Keep a fact about the lab."""
        with self.batch():
            self._put("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", [(key, value)])
            self._put(seals.SEAL_ROW["meta"], [(key,)])

    def answer(self, request: int, reply: str) -> None:
        """Mark a reader's request as handled."""
        self._put("UPDATE request SET handled = ?, reply = ? WHERE id = ?", [(self._clock(), reply, request)])

    # What is asked

    def requests(self) -> list[RequestRow]:
        """What readers ask and nobody has answered; costs next to nothing while no other process has written."""
        try:
            seen = int(self._db.execute("PRAGMA data_version").fetchone()[0])
            if seen == self._version:
                return []
            rows = self._db.execute("SELECT id, verb, args, time FROM request WHERE handled IS NULL ORDER BY id")
            found = [
                RequestRow(id=number, verb=verb, args=json.loads(args), time=asked)
                for number, verb, args, asked in rows
            ]
        except sqlite3.OperationalError:
            return []
        self._version = seen
        return found

    def newest_request(self) -> int:
        """The number of the last request that anybody left; 0 before the first."""
        try:
            return int(self._db.execute("SELECT coalesce(max(id), 0) FROM request").fetchone()[0])
        except sqlite3.Error as error:
            raise schema.told(error, self.path) from None

    def _seal(self, run: str) -> None:
        """What is kept of a run has changed: seal it anew where it has ended."""
        self._put(seals.BREAK_RUN, [(run,)])
        for sql in seals.SEAL_RUN:
            self._put(sql, [(run,)])
