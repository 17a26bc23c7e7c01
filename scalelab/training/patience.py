"""Keeps a run where it is while something passes: a full disk, a store that takes nothing. Knows no files and no model.

A run that waits still answers when it is asked to stop, and tells once that it waits and once that it goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from scalelab.records import NoticeKind
from scalelab.training.disk import NoRoom

T = TypeVar("T")
LOOK_SECONDS = 0.25
"""How often a run that waits looks whether it may go on."""


class Patience:
    """What waits, and what it asks meanwhile."""

    def __init__(
        self, tell: Callable[[NoticeKind, str], None], should_stop: Callable[[], bool], held: Callable[[], bool]
    ) -> None:
        self._tell, self._should_stop, self._held = tell, should_stop, held

    def until_released(self) -> bool:
        """Wait while whoever keeps the points cannot take any; whether to stop."""
        stop = self._should_stop()
        while self._held() and not stop:
            time.sleep(LOOK_SECONDS)
            stop = self._should_stop()
        return stop

    def until_room(self, work: Callable[[], T]) -> T:
        """What `work` returns, tried again until there is room for what it writes.

        Raises
        ------
        NoRoom
            There was none, and the run was asked to stop.
        """
        waits = False
        while True:
            try:
                done = work()
                break
            except NoRoom as error:
                if self._should_stop():
                    raise
                if not waits:
                    self._tell(NoticeKind.PAUSED, error.line())
                waits = True
            time.sleep(LOOK_SECONDS)
        if waits:
            self._tell(NoticeKind.GOES_ON, "there is room again")
        return done
