"""Training curves as arrays that grow at their end: what a chart needs of a million points, kept once.

Reads points as columns and smooths them as they come; knows neither textual nor how a curve is drawn. A very large lab
comes in parts: nothing at the first look, so that the runs stand there at once; then some of its points, of all curves;
then curve by curve.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from scalelab.figures.curves import MovingMean
from scalelab.records import Point, RunSpec, RunState
from scalelab.store import columns
from scalelab.store.columns import Columns
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow

Array = npt.NDArray[np.float64]
PART = 100_000
"""Points taken in one look, and from which a lab is a large one: about 0.15 s of reading."""
ROUGH = 30_000
"""Points of all curves together in the first sight of a large lab."""
SMOOTHINGS = (0.8, 0.97)
"""Weights of the past in the moving means of losses: a little, much."""
_FIRST = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """One run's training loss; arrays of one length, read-only, in order of steps."""

    run: str
    n_tokens: Array
    flops: Array
    seconds: Array
    """Spent training, all attempts together."""
    step: Array
    loss: Array
    """Nats a token; NaN is a gap."""
    smoothed: tuple[Array, ...]
    """Its moving means, by SMOOTHINGS."""
    last: Point
    """The newest point, with the speed and the rate."""
    growing: bool
    """Whether the run is training now."""


class _Growing:
    """The columns of one run, with room at the end; what was handed out is never written again."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._columns = np.empty((5 + len(SMOOTHINGS), _FIRST))
        self._means = [MovingMean(weight) for weight in SMOOTHINGS]
        self._length = 0
        self._offset = 0.0
        self._attempt, self._spent = 0.0, 0.0
        """Of the last point: its attempt, and what that had spent."""
        self.last: Point | None = None

    @property
    def step(self) -> float:
        """Of the last point; -1 before there is one."""
        return float(self._columns[3, self._length - 1]) if self._length else -1.0

    def extend(self, new: Columns) -> None:
        end = self._length + len(new)
        if end > self._columns.shape[1]:
            wider = np.empty((len(self._columns), 2 * end))
            wider[:, : self._length] = self._columns[:, : self._length]
            self._columns = wider
        tokens, flops, seconds, step, loss, *smoothed = self._columns[:, self._length : end]
        tokens[:], step[:], loss[:] = new.n_tokens, new.step, new.loss
        flops[:] = tokens * self._spec.flops_per_token
        seconds[:] = new.seconds + self._offsets(new)
        for means, mean in zip(smoothed, self._means, strict=True):
            means[:] = mean.of(new.loss)
        self._length = end

    def _offsets(self, new: Columns) -> Array:
        """Each attempt counts its seconds from 0: a later one goes on where the one before it stopped."""
        before = np.concatenate([[self._attempt if self._length else new.attempt[0]], new.attempt[:-1]])
        spent = np.concatenate([[self._spent], new.seconds[:-1]])
        offsets = self._offset + np.cumsum(np.where(before != new.attempt, spent, 0.0))
        self._offset, self._attempt, self._spent = float(offsets[-1]), float(new.attempt[-1]), float(new.seconds[-1])
        return offsets

    def curve(self, growing: bool) -> Curve:
        assert self.last is not None
        view = self._columns[:, : self._length]
        view.flags.writeable = False
        tokens, flops, seconds, step, loss, *smoothed = view
        return Curve(
            run=self._spec.run, n_tokens=tokens, flops=flops, seconds=seconds, step=step, loss=loss,
            smoothed=tuple(smoothed), last=self.last, growing=growing,
        )  # fmt: skip


class Curves:
    """The curves of a lab's runs, kept up with the store."""

    def __init__(self) -> None:
        self._cursor = -1
        self._waiting: list[str] | None = None
        """Runs that are still to be read from their first point; None before the first look."""
        self._sampled = False
        self._growing: dict[str, _Growing] = {}
        self.kept: Mapping[str, Curve] = MappingProxyType({})

    def read(self, reader: Reader, rows: Sequence[RunRow]) -> tuple[bool, bool]:
        """Take in points; whether a curve has changed, and whether there are no more to read."""
        specs = {row.run: row.spec for row in rows}
        complete = True
        if self._waiting is None:
            self._cursor = columns.newest(reader)
            # What trains is looked at first.
            urgent = sorted(rows, key=lambda row: row.state is not RunState.RUNNING)
            self._waiting = [row.run for row in urgent if row.attempt]
            self._sampled = self._cursor <= PART
            touched, complete = (set(), False) if not self._sampled else self._read_waiting(reader, specs)
        elif not self._sampled:
            touched, complete = self._read_rough(reader, specs), False
        elif self._waiting:
            touched, complete = self._read_waiting(reader, specs)
        else:
            touched, complete = self._read_new(reader, specs)
        return self._keep(rows, touched), complete

    def _read_rough(self, reader: Reader, specs: Mapping[str, RunSpec]) -> set[str]:
        """Some points of all curves."""
        self._sampled = True
        for run, some in columns.sampled(reader, ROUGH / self._cursor, self._cursor).items():
            if run in specs:
                self._begin(specs[run], some, _last(reader, run, some, columns.last_step(reader, run)))
        return set(self._growing)

    def _read_waiting(self, reader: Reader, specs: Mapping[str, RunSpec]) -> tuple[set[str], bool]:
        """Whole curves, as many as one look may take."""
        assert self._waiting is not None
        touched, taken = set(), 0
        while self._waiting and taken < PART:
            run = self._waiting.pop(0)
            taken += self._read_whole(reader, specs[run])
            touched.add(run)
        if self._waiting:
            return touched, False
        # What came since the cursor was set is read now: a store that rests from here on would not be looked at again.
        new, complete = self._read_new(reader, specs)
        return touched | new, complete

    def _read_new(self, reader: Reader, specs: Mapping[str, RunSpec]) -> tuple[set[str], bool]:
        """What was written since the last look."""
        new, cursor, taken = columns.since(reader, self._cursor, PART)
        # All that is read before anything is taken in: a store that is held in between is asked for all of it again.
        lasts = {run: _last(reader, run, found) for run, found in new.items() if run in specs}
        self._cursor = cursor
        assert self._waiting is not None
        for run, found in new.items():
            known = self._growing.get(run)
            if run not in specs:  # it came into the plan after the rows were read
                self._waiting.append(run)
            elif bool((np.diff(found.step, prepend=known.step if known else -1.0) <= 0).any()):
                # Replayed after a crash: the store has put the steps into their places.
                self._read_whole(reader, specs[run])
            elif known is None:
                self._begin(specs[run], found, lasts[run])
            else:
                known.extend(found)
                known.last = lasts[run]
        return set(new), taken < PART and not self._waiting

    def _read_whole(self, reader: Reader, spec: RunSpec) -> int:
        # As far as the cursor and no further: what is read twice would look like a replay.
        found = columns.of_run(reader, spec.run, until=self._cursor, whole=False)
        if len(found):
            self._begin(spec, found, _last(reader, spec.run, found))
        return len(found)

    def _begin(self, spec: RunSpec, found: Columns, last: Point) -> None:
        growing = self._growing[spec.run] = _Growing(spec)
        growing.extend(found)
        growing.last = last

    def _keep(self, rows: Sequence[RunRow], touched: set[str]) -> bool:
        curves = dict(self.kept)
        for row in rows:
            growing = row.state is RunState.RUNNING
            if row.run in self._growing and (row.run in touched or curves[row.run].growing != growing):
                curves[row.run] = self._growing[row.run].curve(growing)
        changed = any(curves[run] is not self.kept.get(run) for run in curves)
        if changed:
            self.kept = MappingProxyType(curves)
        return changed


def _last(reader: Reader, run: str, found: Columns, step: int | None = None) -> Point:
    """The last of these points, or that of a step, as a record; another attempt may write over it at this moment."""
    at = int(found.step[-1]) if step is None else step
    return next(iter(reader.points(run, after_step=at - 1)), None) or Point(
        run=run, attempt=int(found.attempt[-1]), step=int(found.step[-1]), n_tokens=int(found.n_tokens[-1]),
        loss=float(found.loss[-1]), lr=math.nan, grad_norm=math.nan, tokens_per_second=math.nan,
        seconds=float(found.seconds[-1]),
    )  # fmt: skip
