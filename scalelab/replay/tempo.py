"""Where a replay stands, and what that is on the clock of the lab that was recorded. Must not know what is played."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable

REST = 3.0
"""Seconds that are left of a time in which nobody trained: a night between two sessions is not waited for."""
SLOWEST, FASTEST = 0.125, 65_536.0
"""What keys reach."""


class Timeline:
    """Seconds of a replay against the recorded clock."""

    def __init__(self, busy: Iterable[tuple[float, float]], first: float, last: float) -> None:
        """`busy` are spans in which somebody trained, in any order; first and last the recording's ends."""
        self._times, self._ats = [first], [0.0]
        for start, end in (*sorted(span for span in busy if span[0] < last), (last, last)):
            self._go_on_to(max(start, self._times[-1]), REST)
            self._go_on_to(min(max(end, self._times[-1]), last), float("inf"))
        self.length = self._ats[-1]
        """Seconds at speed 1."""

    def _go_on_to(self, time: float, most: float) -> None:
        passed = time - self._times[-1]
        if passed > 0:
            self._ats.append(self._ats[-1] + min(passed, most))
            self._times.append(time)

    def time(self, at: float) -> float:
        """The recorded clock so many seconds into the replay."""
        if at >= self.length:
            return self._times[-1]
        place = bisect_right(self._ats, at) - 1
        whole, there = self._ats[place + 1] - self._ats[place], self._times[place + 1] - self._times[place]
        return self._times[place] + (at - self._ats[place]) * there / whole


class Tempo:
    """How far a replay is. Whoever plays asks it from one thread while keys steer it from another."""

    def __init__(
        self, speed: float, *, paused: bool = False, clock: Callable[[], float] = time.monotonic, at: float = 0.0
    ) -> None:
        self.speed, self.paused, self.length = speed, paused, float("inf")
        self._clock, self._lock = clock, threading.Lock()
        self._at, self._since = at, clock()

    @property
    def at(self) -> float:
        """Seconds of the recording that have been played."""
        with self._lock:
            return self._now()

    @property
    def over(self) -> bool:
        """Whether it has been played to its end."""
        return self.at >= self.length

    @property
    def words(self) -> str:
        """Speed and how far, as a header says it: "replay ×60  43 %"."""
        if self.over:
            return "replay  end"
        share = f"  {100 * self.at / self.length:.0f} %" if self.length < float("inf") else ""
        return f"replay {'paused' if self.paused else f'×{self.speed:.6g}'}{share}"

    def open(self, length: float, share: float = 0.0) -> None:
        """It is known now how long it is; begin at this share of it, or where it was to begin, and count from now."""
        with self._lock:
            self.length = length
            self._at, self._since = min(self._at + share * length, length), self._clock()

    def pause(self, paused: bool) -> None:
        """Stand still, or go on."""
        with self._lock:
            self._at, self._since = self._now(), self._clock()
            self.paused = paused

    def change(self, factor: float) -> None:
        """Faster or slower from now on, between SLOWEST and FASTEST."""
        with self._lock:
            self._at, self._since = self._now(), self._clock()
            low, high = min(SLOWEST, self.speed), max(FASTEST, self.speed)
            self.speed = min(max(self.speed * factor, low), high)

    def to_end(self) -> None:
        """All at once."""
        with self._lock:
            self._at = self.length

    def _now(self) -> float:
        """For who holds the lock."""
        passed = 0.0 if self.paused else (self._clock() - self._since) * self.speed
        return min(self._at + passed, self.length)
