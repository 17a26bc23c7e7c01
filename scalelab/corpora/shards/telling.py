"""What a person sees of a corpus on its way: bytes, tokens, rate and the time left, twice a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from scalelab.corpora.shards.files import Shards
from scalelab.units import format_bytes, format_count, format_duration

_EVERY_SECONDS = 0.5
_QUIET_SECONDS = 5.0


class Told(Protocol):
    """A part of which something can be told."""

    shards: Shards


class Telling:
    """Counts what this start has done; an earlier start's work is there but costs no time."""

    def __init__(self, label: str, progress: Callable[[str, float], None], need: int) -> None:
        self._label, self._progress, self._need = label, progress, need
        self._began = self._told = self._moved = time.monotonic()
        self._before: tuple[int, int] | None = None
        self._last_bytes = -1

    def stage(self, text: str) -> None:
        """Something that takes a while and has no measure."""
        self._progress(f"{self._label}: {text}", 0.0)

    def reading(self, parts: Sequence[Told], in_hand: int) -> None:
        """Now and then while text comes in."""
        now = time.monotonic()
        if now - self._told >= _EVERY_SECONDS:
            self._tell(parts, in_hand, now)

    def encoded(self, parts: Sequence[Told]) -> None:
        """After shards have become tokens."""
        now = time.monotonic()
        if now - self._told >= _EVERY_SECONDS:
            self._tell(parts, 0, now)

    def _tell(self, parts: Sequence[Told], in_hand: int, now: float) -> None:
        self._told = now
        n_bytes, tokens = _done(parts)
        if self._before is None:
            self._before = n_bytes, tokens
        if n_bytes + in_hand != self._last_bytes:
            self._last_bytes, self._moved = n_bytes + in_hand, now
        took = max(now - self._began, 1e-3)
        rate, pace = (n_bytes + in_hand - self._before[0]) / took, (tokens - self._before[1]) / took
        share = min(tokens / self._need, 1.0) if self._need else 0.0
        words = [format_bytes(n_bytes + in_hand), f"{format_count(tokens)} tokens", f"{format_bytes(rate)}/s"]
        if pace > 0 and self._need > tokens:
            words.append(f"{format_duration((self._need - tokens) / pace)} left")
        if now - self._moved > _QUIET_SECONDS:
            words.append(f"nothing new for {now - self._moved:.0f} s")
        self._progress(f"{self._label}: {', '.join(words)},", share)


def _done(parts: Sequence[Told]) -> tuple[int, int]:
    """Bytes read and tokens made."""
    n_bytes = tokens = 0
    for part in parts:
        for number in range(len(part.shards)):
            text = part.shards.text(number)
            n_bytes += text.train_bytes + text.held_out_bytes
            if (count := part.shards.count(number)) is not None:
                tokens += count.train
    return n_bytes, tokens
