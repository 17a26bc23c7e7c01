"""Crash loops: workers that end within seconds of their start, one after the other, for the same reason. No run will
do better until a person mends that; knows reasons as words only.
"""

from __future__ import annotations

import re

CRASHES = 6
"""In a row, without a step of anybody between them."""
QUICK_SECONDS = 20.0
"""An attempt that lived longer has not ended at its start."""
_NUMBERS = re.compile(r"[0-9]+|0x[0-9a-f]+")


class CrashLoop:
    """Counts the ends of a session."""

    def __init__(self) -> None:
        self.reason = ""
        """In its own words, the last one's."""
        self._reason, self._count = "", 0
        self._runs: set[str] = set()

    def moved(self) -> None:
        """Somebody has taken a step: what ended before was not everybody's fate."""
        self._reason, self._count = "", 0
        self._runs.clear()

    def crashed(self, run: str, reason: str, seconds: float) -> None:
        """An attempt ended badly, so many seconds after its start and without a step."""
        alike = _NUMBERS.sub("#", reason.replace(run, "#"))
        if seconds > QUICK_SECONDS or alike != self._reason:
            self.moved()
        if seconds <= QUICK_SECONDS:
            self._reason, self.reason = alike, reason
            self._count += 1
            self._runs.add(run)

    @property
    def found(self) -> str:
        """What to say of the loop; empty while there is none. One run alone has its own end after its retries."""
        if self._count < CRASHES or len(self._runs) < 2:
            return ""
        return f"{self._count} attempts at {len(self._runs)} runs ended at their start for the same reason"
