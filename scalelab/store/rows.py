"""What comes out of lab.db: frozen records, never live rows; must not know SQL."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from scalelab.records import RunSpec, RunState


class _Plain:
    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow(_Plain):
    """One run as it stands now."""

    spec: RunSpec
    position: int
    """Place in the plan, from 0."""
    expected_seconds: float
    """Of the run's own new tokens and its evaluations, as planned."""
    state: RunState
    attempt: int
    """0 before the first; each start of a worker is one more."""
    step: int
    """Finished steps, from the trunk's first; a resumed attempt may stand before where an earlier one died."""
    reason: str
    changed: float
    """When the state last changed, seconds since the epoch."""
    not_exact: str = ""
    """Why its numbers are not bit for bit those of an undisturbed run; empty where they are."""

    @property
    def run(self) -> str:
        """The run's name."""
        return self.spec.run

    @property
    def progress(self) -> float:
        """Share of the run's own steps that are finished, 0 to 1."""
        own = self.spec.n_steps - self.spec.first_step
        return min(max(self.step - self.spec.first_step, 0) / own, 1.0) if own > 0 else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange(_Plain):
    """One change of a run's state: the history that is never rewritten."""

    run: str
    attempt: int
    state: RunState
    step: int
    reason: str
    time: float
    """Seconds since the epoch, as the clock stood; the order is that of the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRow(_Plain):
    """One refit: what the laws said after a run had ended."""

    id: int
    after_run: str
    time: float
    json: str = field(repr=False)
    """laws.Assessment as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRow(_Plain):
    """What a fit said about a run that had not ended, and what came of it."""

    run: str
    fit: int
    """Id of the fit that said so."""
    time: float
    loss: float
    low: float
    high: float
    observed: float | None = None
    """The final held-out loss; None while the run has not ended."""

    @property
    def miss(self) -> float | None:
        """(predicted − observed) / observed; None before the end."""
        return None if self.observed is None else (self.loss - self.observed) / self.observed

    @property
    def inside(self) -> bool | None:
        """Whether the interval held the observed loss; None before the end."""
        return None if self.observed is None else self.low <= self.observed <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow(_Plain):
    """What a reader asked of the supervisor."""

    id: int
    verb: str
    args: dict[str, Any]
    time: float
    handled: float | None = None
    reply: str | None = None
