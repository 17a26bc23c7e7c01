"""What a session does while something passes: a full disk, a store that another process holds, too many open files,
no device that answers.

Training is held before a point could be lost, what waits is told where everybody can see it, and all goes on by
itself. Knows the crew and the store, not the runs.
"""

from __future__ import annotations

import errno
import time
from pathlib import Path

from scalelab.lab import lock
from scalelab.lab.crew import Crew
from scalelab.lab.hooks import Guarded
from scalelab.store.writer import Writer

AGAIN_SECONDS = 2.0
"""After a worker could not be started for want of something that passes."""
_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT})


class Waiting:
    """Follows whether what is given to the store arrives, and whether workers can be had."""

    def __init__(self, writer: Writer, crew: Crew, views: Guarded, lock_file: Path) -> None:
        self._writer, self._crew, self._views, self._lock = writer, crew, views, lock_file
        self._told = self._held = False
        self._starts_at = 0.0
        self._no_workers = False
        self._no_device = ""

    @property
    def starts(self) -> bool:
        """Whether runs may be started now."""
        return not self._held and time.monotonic() >= self._starts_at

    def follow(self, no_device: str = "") -> None:
        """Look at the store after a commit; hold training where it must not go on, and let it go on again. The same
        for devices, where `no_device` says why there is none.
        """
        self._follow_devices(no_device)
        waits, held = self._writer.waiting, self._writer.overfull
        if held != self._held:
            self._held = held
            self._crew.hold(on=held)
        if (waits is not None) != self._told:
            self._told = waits is not None
            self._note(_in_words(waits, held) if waits else "")
            if waits:
                self._views.event("warning", f"{_in_words(waits, held)}; nothing is lost, it goes on by itself")
            else:
                self._views.event("resume", "the store is written again, nothing was lost")
        elif waits and held:
            self._note(_in_words(waits, held))

    def cannot_start(self, error: Exception) -> bool:
        """Whether a worker that could not be started is only a matter of time; says so once."""
        if getattr(error, "errno", None) not in _PASSING:
            return False
        self._starts_at = time.monotonic() + AGAIN_SECONDS
        if not self._no_workers:
            self._no_workers = True
            full = "disk full: " if getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT} else ""
            words = f"paused: {full}no worker can be started ({error})"
            self._note(words)
            self._views.event("warning", f"{words}; it is tried again")
        return True

    def started(self) -> None:
        """A worker could be started."""
        if self._no_workers:
            self._no_workers = False
            if not self._told:
                self._note("")
            self._views.event("resume", "workers can be started again")

    def _follow_devices(self, why: str) -> None:
        if bool(why) == bool(self._no_device):
            return
        self._no_device = f"paused: {why}" if why else ""
        if not (self._told or self._no_workers):
            self._note("")
        if why:
            self._views.event("warning", f"{self._no_device}; it goes on by itself when one answers")

    def _note(self, words: str) -> None:
        """Where everybody sees it; of two reasons to wait the one that passes sooner."""
        lock.note(self._lock, words or self._no_device)


def _in_words(waits: str, held: bool) -> str:
    if "full" in waits:
        return f"paused: disk full: {waits}"
    return f"paused: the store takes nothing: {waits}" if held else f"store busy: {waits}"
