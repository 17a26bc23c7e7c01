"""What a terminal or a system asks by signals: once, stop cleanly; twice, at once. Knows nothing of what is stopped."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self


class StopNow(BaseException):
    """A signal came while something that cannot be asked to stop was under way."""


class Signals:
    """Counts SIGINT, SIGTERM and SIGHUP while it is entered; outside the main thread it only counts `ask`."""

    def __init__(self) -> None:
        self.count = 0
        self._enough: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def ask(self) -> None:
        """The same as one signal."""
        self.count += 1

    @contextmanager
    def interruptible(self, *, signals: int) -> Iterator[None]:
        """Let so many signals raise StopNow inside: the first worker's start waits seconds for imports."""
        self._enough = signals
        try:
            yield
        finally:
            self._enough = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._enough is not None and self.count >= self._enough:
            raise StopNow
