"""How a session is being ended, if it is: after what trains now, with checkpoints, or at once. Must not know runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from scalelab.lab.stopping import Signals
from scalelab.store.writer import Writer

STOPPING = "stopping"
"""A fact in the store: the way in which the session that runs is being ended, "" while it is not."""
PATIENCE_SECONDS = 10.0
"""What workers get to save their checkpoints; then they are killed."""


class Way(StrEnum):
    """The ways to end a session, the gentlest first."""

    AFTER_CURRENT = "after the current runs"
    SAVING = "saving"
    NOW = "at once"

    def overrides(self, other: Way | None) -> bool:
        """Whether it may take the place of another: what was asked to end at once cannot be asked to save."""
        ways = list(Way)
        return other is None or ways.index(self) > ways.index(other)


def way_of(args: Mapping[str, Any]) -> Way:
    """The way that a request to stop asks for."""
    return Way.NOW if args.get("now") else Way.AFTER_CURRENT if args.get("after_current") else Way.SAVING


class Ending:
    """What was asked by signals and requests, and since when."""

    def __init__(self, signals: Signals, writer: Writer) -> None:
        self._signals, self._writer = signals, writer
        self.way: Way | None = None
        self._deadline: float | None = None

    def begin(self) -> None:
        """A new session is not being ended, whatever became of the last one."""
        self._writer.set_meta(STOPPING, "")

    def ask(self, way: Way) -> bool:
        """End the session in this way; whether that changes anything."""
        if not way.overrides(self.way):
            return False
        self.way = way
        self._writer.set_meta(STOPPING, str(way))
        if way is not Way.AFTER_CURRENT and self._deadline is None:
            self._deadline = time.monotonic() + PATIENCE_SECONDS
        return True

    def withdraw(self) -> bool:
        """Go on after all, as long as nobody was asked to end; whether that is so."""
        if self.way not in {None, Way.AFTER_CURRENT}:
            return False
        self.way = None
        self._writer.set_meta(STOPPING, "")
        return True

    def signalled(self) -> Way | None:
        """What signals ask for: the first is for checkpoints, the second for an end at once."""
        return (None, Way.SAVING, Way.NOW)[min(self._signals.count, 2)]

    @property
    def starts_nothing(self) -> bool:
        """Whether no run may begin any more."""
        return self.way is not None

    @property
    def stops(self) -> bool:
        """Whether runs under way are to end before their end."""
        return self._deadline is not None

    @property
    def gives_up(self) -> bool:
        """Whether nothing is waited for any longer: neither a worker that saves, nor a store that takes nothing."""
        return self._deadline is not None and (self.way is Way.NOW or time.monotonic() > self._deadline)
