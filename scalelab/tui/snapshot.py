"""A lab as the screens see it: one frozen Snapshot, and a Watch that makes the next one from what has changed.

Reads the store and the lock, never writes; knows neither textual nor how anything is drawn. Text in it is as it came
from outside: whoever shows it passes it through the gate.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, TypeVar

from scalelab.errors import ScalelabError
from scalelab.lab import control
from scalelab.lab.forecasts import Ending, Forecasts
from scalelab.lab.lock import holder
from scalelab.lab.paths import LabPaths, lab_paths
from scalelab.records import DeviceInfo, Evaluation, RunState, Score, TokenSet, Usage
from scalelab.store.reader import Reader
from scalelab.store.rows import PredictionRow, RunRow, StateChange
from scalelab.store.schema import StoreBusy
from scalelab.tui.curves import Curve, Curves

if TYPE_CHECKING:
    from scalelab.laws import Assessment, RunTable
    from scalelab.preset import Preset

TRAINING, WAITING, FINISHED, STOPPED = "training", "waiting", "finished", "stopped"
ESTIMATE_SECONDS = 2.0
"""The time left is estimated anew no oftener than this: it plays the whole schedule forward."""

Key = TypeVar("Key")
Value = TypeVar("Value")


def _nothing() -> Mapping[Key, Value]:
    return MappingProxyType({})


def _by_run(scores: Sequence[Score]) -> dict[str, tuple[Score, ...]]:
    return {run: tuple(each for each in scores if each.run == run) for run in {each.run for each in scores}}


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
    growth: Mapping[str, tuple[float, float, float]] = field(default_factory=_nothing)
    """The same of a and b of N* ∝ C^a, D* ∝ C^b; empty where the law has no best split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Counters that grow when a part of the snapshot has changed: a view compares and draws only what it must."""

    rows: int = 0
    """rows, evaluations, finals, scores, events, alive, waiting, stopping, set_aside, problem, state, seconds_left,
    usage."""
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
    scores: Mapping[str, tuple[Score, ...]] = field(default_factory=_nothing)
    """What the runs that are done reached in the lab's task, by run; empty without a task."""
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
    set_aside: Mapping[str, str] = field(default_factory=_nothing)
    """Devices that vanished, with the reasons."""
    problem: str = ""
    """Why the last session ended before its work did, where no person ended it; empty while one trains."""
    device: DeviceInfo | None = None
    tokens: TokenSet | None = None
    """The text of the group whose law is told."""
    groups: tuple[str, ...] = ("",)
    """The texts that are compared, in order; ("",) where there is one."""
    group: str = ""
    """That whose law is told: runs, assessment, history and foretold are its own."""
    elsewhere: bool = False
    """Whether its runs were trained by others, and are recorded here."""
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

    @property
    def own_rows(self) -> tuple[RunRow, ...]:
        """The runs of the group whose law is told."""
        return tuple(row for row in self.rows if row.spec.group == self.group)

    @property
    def own_finals(self) -> tuple[Evaluation, ...]:
        """The points of its fit."""
        if len(self.groups) == 1:
            return self.finals
        own = {row.run for row in self.own_rows}
        return tuple(each for each in self.finals if each.run in own)

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

    def __init__(self, root: str | Path, *, rows_first: bool = False) -> None:
        """`rows_first`: the first look takes runs and points alone, and is not complete. Somebody waits for it, and
        laws and preset take a third of the time until the app shows a run.
        """
        from scalelab.tui.lawbook import LawBook

        self.paths: LabPaths = lab_paths(root)
        self._reader = Reader(self.paths.store)
        self._curves = Curves()
        self._forecasts = Forecasts()
        self._book = LawBook(self._reader)
        self.group: str | None = None
        """The group whose law is told from the next look on, as any thread may wish; None: the first."""
        self._estimated = -ESTIMATE_SECONDS
        self.snapshot = Snapshot(root=self.paths.root, name=self.paths.root.name)
        self._read_fixed()
        if not rows_first:
            self.snapshot = replace(self.snapshot, preset=self._preset())
        self._rows_first = rows_first
        self._missed = False
        """Whether the last look was broken off by another process that held the store."""
        self._untold: Snapshot | None = self.snapshot
        """What the laws are told against, before they were first told."""

    def poll(self) -> Snapshot | None:
        """The next snapshot, or None where nothing has changed since the last."""
        try:
            shot = self._poll()
        except StoreBusy:
            self._missed = True  # that there is something new was heard, and is not told a second time
            raise
        self._missed = False
        return shot

    def _poll(self) -> Snapshot | None:
        before = self.snapshot
        owner = holder(self.paths.lock)
        alive, waiting = owner is not None, owner.waiting if owner else ""
        group = self._wished(before)
        moved = (alive, waiting, group) != (before.alive, before.waiting, before.group)
        if not (self._reader.changed() or moved or self._missed) and before.complete:
            return None
        now = before if group == before.group else replace(before, group=group)
        told = {
            "waiting": waiting,
            "stopping": (self._reader.meta("stopping") or "") if alive else "",
            "problem": "" if alive else self._reader.meta("session_problem") or "",
            "set_aside": control.set_aside(self._reader),
        }
        if any(getattr(before, name) != value for name, value in told.items()):
            now = replace(now, **told, versions=replace(now.versions, rows=now.versions.rows + 1))  # type: ignore[arg-type]
        now = self._with_curves(self._with_rows(now, alive))
        if self._rows_first:
            self._rows_first = False
            self.snapshot = replace(now, complete=False)
            return self.snapshot
        if len(now.rows) != len(before.rows):  # a lab that has grown has another plan
            now = replace(now, preset=self._preset())
        if self._untold is not None:
            now, before = replace(now, preset=now.preset or self._preset()), self._untold
        now = self._book.told(now, before)
        self._untold = None  # only now: of a store that was busy all of it is asked again
        self.snapshot = self._with_endings(now, before)
        return self.snapshot

    def close(self) -> None:
        """Let go of the store."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wished(self, before: Snapshot) -> str:
        """The group whose law is told."""
        wish = self.group
        return wish if wish is not None and wish in before.groups else before.group

    def _read_fixed(self) -> None:
        device, groups = self._reader.meta("device"), self._book.groups()
        self.snapshot = replace(
            self.snapshot,
            device=DeviceInfo.from_json(device) if device else None,
            tokens=self._book.tokens(groups[0], groups),
            groups=groups,
            group=groups[0],
            elsewhere=bool(self._reader.meta("recorded")),
        )

    def _preset(self) -> Preset | None:
        try:
            return control.stored_preset(self.paths.root)
        except StoreBusy:
            raise
        except ScalelabError:  # a preset of another version is no reason to hide the lab
            return None

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
            scores=_by_run(self._reader.scores()) if told else shot.scores,
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
        if not grown and not self._missed:
            return replace(shot, complete=complete) if complete != shot.complete else shot
        versions = replace(shot.versions, curves=shot.versions.curves + 1)
        return replace(shot, curves=self._curves.kept, complete=complete, versions=versions)

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
