"""Training curves as arrays that grow at their end: what a chart needs of a million points, kept once.

Reads points through the store's cursor; knows neither textual nor how a curve is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from scalelab.records import Point, RunSpec, RunState
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow

Array = npt.NDArray[np.float64]
PART = 50_000
"""Points taken in one look: about a quarter of a second of reading."""
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
    last: Point
    """The newest point, with the speed and the rate."""
    growing: bool
    """Whether the run is training now."""


class _Growing:
    """The columns of one run, with room at the end; what was handed out is never written again."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec
        self._columns = np.empty((5, _FIRST))
        self._length = 0
        self._offset = 0.0
        self.last: Point | None = None

    def extend(self, points: Sequence[Point]) -> None:
        end = self._length + len(points)
        if end > self._columns.shape[1]:
            wider = np.empty((5, 2 * end))
            wider[:, : self._length] = self._columns[:, : self._length]
            self._columns = wider
        tokens, flops, seconds, step, loss = self._columns[:, self._length : end]
        tokens[:] = [point.n_tokens for point in points]
        flops[:] = tokens * self._spec.flops_per_token
        seconds[:] = [self._offset + point.seconds for point in points]
        step[:] = [point.step for point in points]
        loss[:] = [point.loss for point in points]
        self._join_attempts(points, seconds)
        self.last = points[-1]
        self._length = end

    def _join_attempts(self, points: Sequence[Point], seconds: Array) -> None:
        """Each attempt counts its seconds from 0: a later one goes on where the one before it stopped."""
        before = self.last
        for place, point in enumerate(points):
            if before is not None and point.attempt != before.attempt:
                self._offset += before.seconds
                seconds[place:] += before.seconds
            before = point

    def curve(self, growing: bool) -> Curve:
        assert self.last is not None
        view = self._columns[:, : self._length]
        view.flags.writeable = False
        tokens, flops, seconds, step, loss = view
        return Curve(
            run=self._spec.run, n_tokens=tokens, flops=flops, seconds=seconds, step=step, loss=loss,
            last=self.last, growing=growing,
        )  # fmt: skip


class Curves:
    """The curves of a lab's runs, kept up with the store."""

    def __init__(self) -> None:
        self._cursor = 0
        self._growing: dict[str, _Growing] = {}
        self.kept: Mapping[str, Curve] = MappingProxyType({})

    def read(self, reader: Reader, rows: Sequence[RunRow]) -> tuple[bool, bool]:
        """Take in new points; whether a curve has changed, and whether there are no more to read."""
        points, self._cursor = reader.points_since(self._cursor, PART)
        by_run: dict[str, list[Point]] = {}
        for run, group in groupby(points, key=lambda point: point.run):
            by_run.setdefault(run, []).extend(group)
        curves = dict(self.kept)
        for row in rows:
            growing = row.state is RunState.RUNNING
            if new := by_run.get(row.run):
                curves[row.run] = self._longer(reader, row.spec, new).curve(growing)
            elif row.run in curves and curves[row.run].growing != growing:
                curves[row.run] = self._growing[row.run].curve(growing)
        changed = any(curves[run] is not self.kept.get(run) for run in curves)
        if changed:
            self.kept = MappingProxyType(curves)
        return changed, len(points) < PART

    def _longer(self, reader: Reader, spec: RunSpec, new: list[Point]) -> _Growing:
        known = self._growing.get(spec.run)
        before = known.last.step if known and known.last else -1
        replayed = any(b <= a for a, b in pairwise([before, *(point.step for point in new)]))
        if known is None or replayed:
            known = self._growing[spec.run] = _Growing(spec)
        # Replayed after a crash: the store has put the steps into their places.
        known.extend(reader.points(spec.run) if replayed else new)
        return known
