"""A lab as the screens see it: one frozen Snapshot, and a Watch that makes the next one from what has changed.

Reads the store and the lock, never writes; knows neither textual nor how anything is drawn. Text in it is as it came
from outside: whoever shows it passes it through the gate.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, TypeVar

from scalelab.errors import ScalelabError
from scalelab.lab import control
from scalelab.lab.forecasts import Ending, Forecasts
from scalelab.lab.lock import holder
from scalelab.lab.paths import LabPaths, lab_paths
from scalelab.records import DeviceInfo, Evaluation, RunState, TokenSet, Usage
from scalelab.store.reader import Reader
from scalelab.store.rows import FitRow, PredictionRow, RunRow, StateChange
from scalelab.tui.curves import Curve, Curves

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Fit, RunTable
    from scalelab.preset import Preset

TRAINING, WAITING, FINISHED, STOPPED = "training", "waiting", "finished", "stopped"
ESTIMATE_SECONDS = 2.0
"""The time left is estimated anew no oftener than this: it plays the whole schedule forward."""

Key = TypeVar("Key")
Value = TypeVar("Value")


def _nothing() -> Mapping[Key, Value]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLaw:
    """What one refit said."""

    n_runs: int
    law: str
    """The law that was shown then."""
    after_run: str
    time: float
    """Seconds since the epoch."""
    estimates: Mapping[str, tuple[float, float, float]]
    """Value, low, high of each of its numbers, by name: "alpha", "E", …"""
    fit: Fit | None = None
    """The law itself, for what follows from its numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Counters that grow when a part of the snapshot has changed: a view compares and draws only what it must."""

    rows: int = 0
    """rows, evaluations, finals, events, alive, waiting, stopping, state, seconds_left, usage."""
    curves: int = 0
    law: int = 0
    """runs, assessment, history, foretold, fit_problem."""
    endings: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """Everything that the views show, as of one look."""

    root: Path
    name: str
    state: str = WAITING
    """"training", "waiting" (nothing has begun), "finished" (nothing is left to do), "stopped"."""
    alive: bool = False
    """Whether a supervisor owns the lab now."""
    waiting: str = ""
    """Why it writes nothing now: a full disk, a store that another process holds; empty while it does."""
    stopping: str = ""
    """How the session is ending, "saving", "at once" or "after the current runs"; empty while it is not."""
    rows: tuple[RunRow, ...] = ()
    """In the order of the plan."""
    curves: Mapping[str, Curve] = field(default_factory=_nothing)
    """Training loss by run; a run without a point is absent."""
    evaluations: Mapping[str, tuple[Evaluation, ...]] = field(default_factory=_nothing)
    """Held-out measures by run, in order of steps."""
    finals: tuple[Evaluation, ...] = ()
    """Annealed ends of the runs that are done: the points of a fit."""
    runs: RunTable | None = None
    """The same as laws see them, with what was left out; None while nothing is finished."""
    assessment: Assessment | None = None
    """The last good fit; None before there is one."""
    history: tuple[PastLaw, ...] = ()
    """What the fits said, oldest first."""
    fit_problem: str = ""
    """Why there is no newer fit."""
    foretold: tuple[PredictionRow, ...] = ()
    """What was predicted before a run ended, and what came of it, oldest first."""
    endings: Mapping[str, Ending] = field(default_factory=_nothing)
    """Where running runs will end, as far as it can be told."""
    usage: Mapping[int, Usage] = field(default_factory=_nothing)
    """What each slot last took of its device; empty where nobody trains."""
    device: DeviceInfo | None = None
    tokens: TokenSet | None = None
    preset: Preset | None = None
    """What the lab was made with."""
    events: tuple[StateChange, ...] = ()
    """Every change of a run's state, oldest first."""
    seconds_left: float | None = None
    """By the plan, from now; None where nobody trains."""
    complete: bool = True
    """Whether all that the store has was read; the first looks at a large lab take its points in parts."""
    versions: Versions = field(default_factory=Versions)
    recorded: str = ""
    """Of a recording that is played again, the lab as people type it, "-" for the shipped one; nothing can be asked of
    it. Empty for a lab itself."""

    def row(self, run: str) -> RunRow | None:
        """The run of this name."""
        return next((row for row in self.rows if row.run == run), None)


class Watch:
    """Reads one lab incrementally. For one thread; `poll` is cheap while nothing happens.

    Raises
    ------
    ScalelabError
        There is no lab, or its store cannot be read.
    """

    def __init__(self, root: str | Path) -> None:
        self.paths: LabPaths = lab_paths(root)
        self._reader = Reader(self.paths.store)
        self._curves = Curves()
        self._forecasts = Forecasts()
        self._fit = 0
        self._estimated = -ESTIMATE_SECONDS
        self.snapshot = Snapshot(root=self.paths.root, name=self.paths.root.name)
        self._read_fixed()

    def poll(self) -> Snapshot | None:
        """The next snapshot, or None where nothing has changed since the last."""
        before = self.snapshot
        owner = holder(self.paths.lock)
        alive, waiting = owner is not None, owner.waiting if owner else ""
        if not self._reader.changed() and (alive, waiting) == (before.alive, before.waiting) and before.complete:
            return None
        now = before
        stopping = (self._reader.meta("stopping") or "") if alive else ""
        if (waiting, stopping) != (before.waiting, before.stopping):
            now = replace(
                now, waiting=waiting, stopping=stopping, versions=replace(now.versions, rows=now.versions.rows + 1)
            )
        now = self._with_curves(self._with_rows(now, alive))
        now = self._with_law(now, before)
        self.snapshot = self._with_endings(now, before)
        return self.snapshot

    def close(self) -> None:
        """Let go of the store."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_fixed(self) -> None:
        device, tokens = self._reader.meta("device"), self._reader.meta("tokens")
        preset: Preset | None = None
        with suppress(ScalelabError):  # a preset of another version is no reason to hide the lab
            preset = control.stored_preset(self.paths.root)
        self.snapshot = replace(
            self.snapshot,
            device=DeviceInfo.from_json(device) if device else None,
            tokens=TokenSet.from_json(tokens) if tokens else None,
            preset=preset,
        )

    def _with_rows(self, shot: Snapshot, alive: bool) -> Snapshot:
        rows = tuple(self._reader.runs())
        usage = self._reader.usage() if alive else {}
        if rows == shot.rows and alive == shot.alive and usage == shot.usage:
            return shot
        old = {row.run: row for row in shot.rows}
        moved = [row for row in rows if old.get(row.run) != row]
        told = any(row.run not in old or row.changed != old[row.run].changed for row in moved)
        evaluations = dict(shot.evaluations)
        for row in moved:
            if row.attempt:
                evaluations[row.run] = tuple(self._reader.evaluations(row.run))
        return replace(
            shot,
            rows=rows,
            alive=alive,
            state=state_of(rows, alive),
            evaluations=MappingProxyType(evaluations),
            finals=tuple(self._reader.finals()) if told else shot.finals,
            events=tuple(self._reader.states()) if told else shot.events,
            seconds_left=self._left(shot, alive),
            usage=MappingProxyType(usage),
            versions=replace(shot.versions, rows=shot.versions.rows + 1),
        )

    def _left(self, shot: Snapshot, alive: bool) -> float | None:
        if not alive:
            return None
        now = time.monotonic()
        if now - self._estimated < ESTIMATE_SECONDS:
            return shot.seconds_left
        self._estimated = now
        return control.status(self.paths.root).seconds_left

    def _with_curves(self, shot: Snapshot) -> Snapshot:
        grown, complete = self._curves.read(self._reader, shot.rows)
        if not grown:
            return replace(shot, complete=complete) if complete != shot.complete else shot
        versions = replace(shot.versions, curves=shot.versions.curves + 1)
        return replace(shot, curves=self._curves.kept, complete=complete, versions=versions)

    def _with_law(self, shot: Snapshot, before: Snapshot) -> Snapshot:
        new = self._new_fits()
        ended = _ended(shot) != _ended(before)
        problem = self._reader.meta("fit_problem") or ""
        if not new and not ended and problem == shot.fit_problem:
            return shot
        from scalelab.lab.table import run_table
        from scalelab.laws import Assessment

        seen = [(row, found) for row in new if (found := Assessment.kept(row.json))]
        self._fit = new[-1].id if new else self._fit
        past = tuple(law for row, found in seen if (law := _past(row, found)))
        return replace(
            shot,
            runs=run_table(self._reader) if shot.finals else None,
            assessment=seen[-1][1] if seen else shot.assessment,
            history=shot.history + past,
            foretold=tuple(self._reader.predictions()),
            fit_problem=problem,
            versions=replace(shot.versions, law=shot.versions.law + 1),
        )

    def _new_fits(self) -> list[FitRow]:
        newest = self._reader.latest_fit()
        if newest is None or newest.id <= self._fit:
            return []
        return [newest] if newest.id == self._fit + 1 else [row for row in self._reader.fits() if row.id > self._fit]

    def _with_endings(self, shot: Snapshot, before: Snapshot) -> Snapshot:
        if not shot.alive and not before.endings:
            return shot
        endings = self._forecasts.look(self._reader, shot.rows, 1) if shot.alive else {}
        if endings == dict(before.endings):
            return shot
        versions = replace(shot.versions, endings=shot.versions.endings + 1)
        return replace(shot, endings=MappingProxyType(endings), versions=versions)


def state_of(rows: tuple[RunRow, ...], alive: bool) -> str:
    """The lab's state in one word."""
    if alive:
        return TRAINING
    states = {row.state for row in rows}
    if states <= {RunState.PLANNED} and all(row.attempt == 0 for row in rows):
        return WAITING
    return FINISHED if states <= {RunState.DONE, RunState.FAILED, RunState.DIVERGED} else STOPPED


def _ended(shot: Snapshot) -> tuple[tuple[str, RunState], ...]:
    """The runs that are over, on which the table of a fit depends."""
    return tuple((row.run, row.state) for row in shot.rows if row.state not in {RunState.PLANNED, RunState.RUNNING})


def _past(row: FitRow, seen: Assessment) -> PastLaw | None:
    if seen.best is None:
        return None
    numbers = {each.name: (each.value, each.low, each.high) for each in seen.fit().estimates}
    return PastLaw(
        n_runs=seen.n_runs,
        law=seen.best,
        after_run=row.after_run,
        time=row.time,
        estimates=MappingProxyType(numbers),
        fit=seen.fit(),
    )
