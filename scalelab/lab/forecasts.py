"""Where a lab's runs will end, from the reader's side: curves out of the store, forecasts, and the law beside.

For display and early warning. Knows neither how a forecast is made nor how it is drawn; reads, never writes, and loads
no torch and no scipy.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scalelab.errors import BadInput
from scalelab.records import Evaluation, RunKind, RunSpec, RunState
from scalelab.units import value_error

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from scalelab.laws.curves import Curve, CurveForecast, Prior
    from scalelab.store.reader import Reader
    from scalelab.store.rows import PredictionRow, RunRow

BEAT_SECONDS = 2.0
"""A running run is forecast anew no oftener than this."""
PARTS = 512
"""Parts that a schedule is told in."""
UNFINISHED = frozenset({RunState.RUNNING, RunState.STOPPED})
TRAINED = frozenset({RunState.RUNNING, RunState.DONE})
"""States of a trunk whose branches are worth a forecast before they start."""
APART = 0.01
"""Distance from the law, as a share of it, below which nobody is warned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one running run will end, and how the law said that it would."""

    run: str
    forecast: CurveForecast
    promised: PredictionRow | None = None
    """What the lab's newest fit says of this run; None before there is one."""

    @property
    def apart(self) -> float | None:
        """(forecast − law)/law where the two are too far apart for chance, else None."""
        loss, half, law = self.forecast.loss, self.forecast.half, self.promised
        if loss is None or half is None or law is None or not self.forecast.believed:
            return None
        away = loss - law.loss
        doubt = math.hypot(half, (law.high - law.low) / 2)
        return away / law.loss if abs(away) > max(doubt, APART * law.loss) else None

    def to_dict(self) -> dict[str, Any]:
        """As plain values: the forecast, what the law promised, and how far apart they are."""
        law = self.promised
        return {
            "forecast": self.forecast.to_dict(),
            "law": None if law is None else {"loss": law.loss, "low": law.low, "high": law.high},
            "apart": self.apart,
        }

    def sentence(self) -> str:
        """The warning in words; "" where there is none."""
        told, law = self.forecast, self.promised
        if self.apart is None or law is None or told.loss is None or told.half is None:
            return ""
        where = "above" if self.apart > 0 else "below"
        return (
            f"{self.run} will end {100 * abs(self.apart):.1f} % {where} the law: {value_error(told.loss, told.half)}, "
            f"the law said {value_error(law.loss, (law.high - law.low) / 2)}"
        )


@dataclass(slots=True)
class Forecasts:
    """Keeps the forecasts of a lab, each made anew at a slow beat and only where its curve has grown."""

    beat: float = BEAT_SECONDS
    states: frozenset[RunState] = frozenset({RunState.RUNNING})
    """Of the runs that are looked at."""
    ahead: bool = True
    """Whether branches are looked at before they start, from their trunk's curve."""
    _kept: dict[str, Ending] = field(default_factory=dict)
    _made: dict[str, tuple[float, int]] = field(default_factory=dict)
    """When each was made, and at which step."""
    _effects: dict[tuple[str, ...], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None] = field(
        default_factory=dict
    )
    """What finished families gained by annealing, by their runs: they never change."""

    def look(self, reader: Reader, rows: Sequence[RunRow], most: int | None = None) -> dict[str, Ending]:
        """The endings of the watched runs; at most `most` of them made anew, those that have waited longest first."""
        watched = self._watched(rows)
        now = time.monotonic()
        due = [run for run, (_, step) in watched.items() if self._due(run, step, now)]
        # What trains comes before what waits, and then what was looked at longest ago.
        training = {row.run for row in rows if row.state in self.states}
        due.sort(key=lambda run: self._made.get(run, (-math.inf if run in training else 0.0, 0))[0])
        if due:
            prior = self._prior(reader, rows, _memories(rows), None if most is None else 1)
            for run in due[:most]:
                spec, step = watched[run]
                self._made[run] = now, step
                # A curve from which nothing can be made is no reason to lose the view.
                with suppress(BadInput):
                    self._kept[run] = ending(reader, spec, prior)
        self._kept = {run: kept for run, kept in self._kept.items() if run in watched}
        return dict(self._kept)

    def _watched(self, rows: Sequence[RunRow]) -> dict[str, tuple[RunSpec, int]]:
        """Runs that end in a point, with the step that their curves have come to.

        A branch that is yet to start has its trunk's past already; it is watched unless only `states` count.
        """
        by_name = {row.run: row for row in rows}
        watched = {}
        for row in rows:
            trunk = by_name.get(row.spec.parent or "")
            if row.state in self.states and row.spec.kind is not RunKind.TRUNK:
                watched[row.run] = row.spec, row.step
            elif self.ahead and row.state is RunState.PLANNED and trunk and trunk.state in TRAINED:
                watched[row.run] = row.spec, min(trunk.step, row.spec.first_step)
        return watched

    def _due(self, run: str, step: int, now: float) -> bool:
        when, before = self._made.get(run, (-math.inf, -1))
        return step != before and now - when >= self.beat

    def _prior(
        self, reader: Reader, rows: Sequence[RunRow], memories: npt.NDArray[np.float64], most: int | None
    ) -> Prior | None:
        """The annealing of all finished families; at most `most` of them looked at now, the rest at a later beat."""
        from scalelab.laws.curves import family_effect, pooled

        families = finished_families(rows)
        for names in [names for names in families if names not in self._effects][:most]:
            self._effects[names] = family_effect(family_curves(reader, families[names]), memories)
        return pooled([seen for names in families if (seen := self._effects.get(names))], memories)


def endings(reader: Reader, rows: Sequence[RunRow], *, unfinished: bool = False) -> dict[str, Ending]:
    """All running runs of a lab at once; with `unfinished` those too that were stopped on their way."""
    states = UNFINISHED if unfinished else frozenset({RunState.RUNNING})
    return Forecasts(states=states, ahead=not unfinished).look(reader, rows)


def ending(reader: Reader, spec: RunSpec, prior: Prior | None) -> Ending:
    """One run's forecast beside the law's newest word on it."""
    from scalelab.laws.curves import forecast_curve

    promised = reader.predictions(spec.run)
    forecast = forecast_curve(curve_of(reader, spec), prior=prior)
    return Ending(run=spec.run, forecast=forecast, promised=promised[-1] if promised else None)


def curve_of(reader: Reader, spec: RunSpec, *, past: bool = True) -> Curve:
    """A run's curve in steps from the trunk's first; with its trunk's past where it is a branch."""
    import numpy as np

    from scalelab.laws.curves import Curve
    from scalelab.store import columns

    parts = [(columns.of_run(reader, spec.run), spec.first_step)]
    evaluations = reader.evaluations(spec.run)
    if past and spec.parent:
        trunk = columns.of_run(reader, spec.parent)
        parts.insert(0, (trunk.where(trunk.step <= spec.first_step), 0))
        evaluations = [*_until(reader.evaluations(spec.parent), spec.first_step), *evaluations]
    # A point is the mean over its span, the steps since the one before it: it stands for the middle of it.
    spans = np.concatenate([np.maximum(np.diff(own.step, prepend=first), 1.0) for own, first in parts])
    return Curve.of(
        np.concatenate([own.step for own, _ in parts]) - spans / 2 + 0.5,
        np.concatenate([own.loss for own, _ in parts]),
        rates(spec),
        until=spec.n_steps,
        spans=spans,
        held_out=([each.step for each in evaluations], [each.loss for each in evaluations]),
    )


def rates(spec: RunSpec) -> list[float]:
    """The schedule in equal parts of the whole run, the rate of the step in the middle of each."""
    from scalelab.training.schedule import rate

    parts = min(PARTS, spec.n_steps)
    return [rate(spec.schedule, int((part + 0.5) * spec.n_steps / parts)) for part in range(parts)]


def finished_families(rows: Sequence[RunRow]) -> dict[tuple[str, ...], list[RunSpec]]:
    """The finished annealed runs by trunk, the longest first; named by the runs in them."""
    families: dict[str, list[RunSpec]] = {}
    for row in rows:
        if row.state is RunState.DONE and row.spec.kind is not RunKind.TRUNK:
            families.setdefault(row.spec.parent or row.run, []).append(row.spec)
    grouped = (sorted(family, key=lambda spec: -spec.n_steps) for family in families.values())
    return {tuple(spec.run for spec in family): family for family in grouped}


def family_curves(reader: Reader, family: Sequence[RunSpec]) -> list[Curve]:
    """The curves of one trunk's branches, of which only the longest carries the trunk's past."""
    return [curve_of(reader, spec, past=number == 0) for number, spec in enumerate(family)]


def _memories(rows: Sequence[RunRow]) -> npt.NDArray[np.float64]:
    """One grid of memories for the whole lab, in steps, so that runs can tell each other what annealing gave."""
    from scalelab.laws.curves import MEMORIES

    return MEMORIES * max(row.spec.n_steps for row in rows)


def _until(evaluations: Sequence[Evaluation], step: int) -> list[Evaluation]:
    return [each for each in evaluations if each.step <= step]
