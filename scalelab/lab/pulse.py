"""Whether a worker still moves: by its beats on our monotonic clock, against a patience that learns how long a step of
it takes. Knows no processes; who was suspended, with the worker or without it, is not hung.
"""

from __future__ import annotations

from dataclasses import dataclass

HANG_SECONDS = 60.0
"""The least silence that is called a hang."""
_FIRST = 10.0
"""Times as long before the first beat: a worker loads weights and compiles before its first step."""
_GAPS = 10.0
"""Times the longest silence so far that ended by itself: an evaluation or a checkpoint among quick steps."""


@dataclass(slots=True, kw_only=True)
class Pulse:
    """One worker's."""

    least: float
    """Seconds of silence that are always forgiven."""
    step_seconds: float
    """What the plan expects of a step, with its share of evaluations; the first guess at what is slow."""
    heard: float
    """When it was last heard, or known to be suspended."""
    longest: float = 0.0
    """The longest silence between two beats."""
    beaten: bool = False

    def beat(self, now: float) -> None:
        """It moved."""
        if self.beaten:
            self.longest = max(self.longest, now - self.heard)
        self.beaten, self.heard = True, now

    def excuse(self, now: float) -> None:
        """The silence until now was none of its own."""
        self.heard = now

    @property
    def patience(self) -> float:
        """Seconds of silence that are forgiven now."""
        learnt = max(self.least, _GAPS * max(self.longest, self.step_seconds))
        return learnt if self.beaten else max(learnt, _FIRST * self.least)

    def silent(self, now: float) -> float | None:
        """Seconds of silence, where they are too many."""
        gone = now - self.heard
        return gone if gone > self.patience else None


class OwnClock:
    """Tells when we ourselves were away, stopped with the whole session or asleep with the machine."""

    def __init__(self, least: float, now: float) -> None:
        self._jump, self._before = min(5.0, least / 4), now

    def jumped(self, now: float) -> bool:
        """Whether so much time has passed since the last call that others' silence says nothing."""
        before, self._before = self._before, now
        return now - before > self._jump
