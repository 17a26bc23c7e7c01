"""A recorded lab as one that trains now: a lab in a temporary folder, kept at the moment that the tempo says.

Nothing is written to the recorded lab, and nothing of it is needed but its store and the logs of its runs. While it
plays, this process holds the copy's lock, as a supervisor would. Must not know who looks at the copy.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scalelab import recorded
from scalelab.lab import lock
from scalelab.lab.paths import lab_paths
from scalelab.records import RunState
from scalelab.replay.tempo import Tempo, Timeline
from scalelab.store.playback import Attempt, Playback
from scalelab.store.reader import Reader

USUAL_SPEED = 10.0
LATE = ("fit_problem", "fitted_runs", "set_aside", "session_problem")
"""Facts that a supervisor writes as it goes."""
_LOG_BYTES = 65_536
"""Of a log as much as anybody is shown."""
_WORKED = frozenset({RunState.DONE, RunState.DIVERGED, RunState.STOPPED})
"""Ends that a worker told itself: it was at work until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What is to be played."""

    lab: Path | None = None
    """The recorded lab; the shipped one where it is None."""
    speed: float = USUAL_SPEED
    """1 is real time."""
    at: float = 0.0
    """Where to begin, in seconds of the recording."""
    share: float = 0.0
    """The same as a share of its length."""
    paused: bool = False

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.lab.name if self.lab else recorded.NAME

    @property
    def command(self) -> str:
        """What stands for it after `scalelab replay`."""
        return str(self.lab) if self.lab else ""


class Player:
    """One replay. Made anywhere, `look` and `close` are for the one thread that reads the copy."""

    def __init__(self, replay: Replay, clock: Callable[[], float] = time.monotonic) -> None:
        self.replay, self.clock = replay, clock
        self.tempo = Tempo(replay.speed, paused=replay.paused, clock=clock, at=replay.at)
        # Removed with the player or at the interpreter's end, however the app is left.
        self._folder = tempfile.TemporaryDirectory(prefix="scalelab-replay-", ignore_cleanup_errors=True)
        self.root = Path(self._folder.name) / "copy" / (replay.name or "lab")
        """The growing copy, a lab like any other."""
        self.root.mkdir(parents=True, mode=0o700)
        self._playback: Playback | None = None
        self._timeline = Timeline((), 0.0, 0.0)
        self._held: lock.Lock | None = None
        self._logs: list[Attempt] = []
        self._source = replay.lab

    def look(self) -> None:
        """Bring the copy to this moment; the first look makes it.

        Raises
        ------
        ScalelabError
            The recorded lab cannot be read.
        """
        playback = self._playback or self._open()
        at = self.tempo.at
        now = self._timeline.time(at)
        over = at >= self._timeline.length
        playback.advance(playback.last if over else now)
        self._bring_logs(now)
        if over and self._held is not None:
            self._held.release()
            self._held = None

    def close(self) -> None:
        """Let go of everything, and leave nothing behind."""
        if self._held is not None:
            self._held.release()
        if self._playback is not None:
            self._playback.close()
        self._folder.cleanup()

    def _open(self) -> Playback:
        self._source = self._source or recorded.unpack(Path(self._folder.name) / recorded.NAME)
        paths = lab_paths(self.root)
        made = Playback(lab_paths(self._source).store, paths.store, late=LATE)
        busy = [(each.start, each.end if each.end and each.state in _WORKED else each.last) for each in made.attempts]
        self._timeline = Timeline(busy, made.first, made.last)
        self._logs = sorted((each for each in made.attempts if each.end), key=lambda each: each.end or 0.0)
        with Reader(paths.store) as reader:
            paths.preset.write_text(reader.meta("preset") or "", "utf-8")
        self._held = lock.acquire(paths.lock)
        self.tempo.open(self._timeline.length, self.replay.share)
        self._playback = made
        return made

    def _bring_logs(self, now: float) -> None:
        """The logs of attempts that are over by now: what a log said earlier nobody has kept."""
        while self._logs and (self._logs[0].end or 0.0) <= now:
            run = self._logs.pop(0).run
            theirs = lab_paths(self._source or "").run_dir(run) / "log.txt"
            ours = lab_paths(self.root).run_dir(run) / "log.txt"
            try:
                with theirs.open("rb") as file:
                    file.seek(max(os.fstat(file.fileno()).st_size - _LOG_BYTES, 0))
                    words = file.read(_LOG_BYTES)
            except OSError:  # a lab that was moved about may have lost them
                continue
            ours.parent.mkdir(parents=True, exist_ok=True)
            ours.write_bytes(words)
