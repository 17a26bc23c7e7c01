"""What is done to a sweep, one thing after the other, by a draw that can be repeated; every action is logged."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from scalelab.lab.paths import LabPaths
from tests.lab import mini
from tests.reliability.disks import SmallDisk
from tests.soak import sweep
from tests.soak.processes import App, Supervisor
from tests.soak.verdict import sha256

ORPHANS_SECONDS = 2.0
PAUSE = 1.0, 4.0
"""Seconds between two actions."""
_WEIGHTS = {
    "SIGKILL of a worker in the middle of a step": 4,
    "SIGKILL of a worker in the middle of a checkpoint": 3,
    "SIGKILL of the supervisor": 2,
    "SIGKILL of the whole process group": 1,
    "SIGINT, SIGTERM or SIGHUP to the whole process group": 1,
    "SIGKILL of the app": 1,
    "hang-up of the app's terminal": 1,
    "disk full": 2,
    "store held by a foreign BEGIN EXCLUSIVE": 2,
    "SIGSTOP, then SIGCONT": 4,
    "bit flipped in a checkpoint": 3,
}


class Chaos:
    """Strikes what it is shown."""

    def __init__(self, seed: int, log: Path, disk: SmallDisk | None) -> None:
        self._draw, self._log, self._disk = random.Random(seed), log, disk
        self._began = time.monotonic()
        self._undo: list[tuple[float, Callable[[], None]]] = []
        self.counts: Counter[str] = Counter({name: 0 for name in _WEIGHTS})
        self.flipped: dict[Path, str] = {}
        """Checkpoints in which a bit was flipped, and the hash of what is there since."""
        self.orphans, self.rows_lost, self.deaths = 0, 0, 0
        self.slowest_death = self.slowest_stop = 0.0
        self.midway = 0
        """Kills that left a checkpoint half written."""
        self._next = time.monotonic() + 2.0
        self.paths: LabPaths
        self.supervisor: Supervisor
        self.app: App | None = None
        self._actions: dict[str, Callable[[], str | None]] = dict(
            zip(
                _WEIGHTS,
                (
                    self._kill_worker, self._kill_saving, self._kill_supervisor, self._kill_group, self._stop_group,
                    self._kill_app, self._hang_up, self._fill, self._hold, self._suspend, self._flip,
                ),
                strict=True,
            )
        )  # fmt: skip

    def say(self, line: str) -> None:
        """Into the log, with the time."""
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{time.monotonic() - self._began:8.2f}  {line}\n")

    def look(self) -> None:
        """End what is over; do the next thing when it is time."""
        now = time.monotonic()
        for due, undo in [each for each in self._undo if each[0] <= now]:
            self._undo.remove((due, undo))
            undo()
        if now < self._next:
            return
        name = self._draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        done = None
        with suppress(psutil.Error):
            done = self._actions[name]()
        if done is None:
            return  # there was nothing to strike: something else, at the next look
        self.counts[name] += 1
        self.say(f"{name}: {done}")
        self._next = time.monotonic() + self._draw.uniform(*PAUSE)

    def rest(self) -> None:
        """Undo all that can be undone."""
        for _, undo in self._undo:
            undo()
        self._undo.clear()

    def _later(self, least: float, most: float, undo: Callable[[], None]) -> float:
        seconds = self._draw.uniform(least, most)
        self._undo.append((time.monotonic() + seconds, undo))
        return seconds

    # Kills

    def _kill_worker(self) -> str | None:
        workers = sorted(self.supervisor.workers().items(), key=lambda each: each[1])
        if not workers:
            return None
        worker, run = self._draw.choice(workers)
        worker.kill()
        return f"{run.name}, pid {worker.pid}"

    def _kill_saving(self) -> str | None:
        workers, deadline = {run: worker for worker, run in self.supervisor.workers().items()}, time.monotonic() + 1.0
        while workers and time.monotonic() < deadline:
            for run, worker in workers.items():
                if list((run / "checkpoint").glob(".*.tmp")):
                    worker.kill()
                    worker.wait(10)
                    left = list((run / "checkpoint").glob(".*.tmp"))
                    self.midway += bool(left)
                    return f"{run.name}, pid {worker.pid}, {'half' if left else 'just'} written"
            time.sleep(0.0005)
        return None

    def _kill_supervisor(self) -> str | None:
        return self._end(lambda: os.kill(self.supervisor.pid, signal.SIGKILL))

    def _kill_group(self) -> str | None:
        return self._end(lambda: os.killpg(self.supervisor.pid, signal.SIGKILL))

    def _end(self, blow: Callable[[], None]) -> str | None:
        """Strike the supervisor; see its family die, and that no row went that had been seen."""
        family = self.supervisor.family()
        if self.supervisor.process.poll() is not None or len(family) < 4:
            return None  # it has not got as far as workers: nothing would be tried
        seen = sweep.rows(self.paths)
        began = time.monotonic()
        blow()
        self.supervisor.process.wait(30)
        while any(not _suspended_tracker(one) for one in mini.alive(family)) and time.monotonic() - began < 30:
            time.sleep(0.01)
        took = time.monotonic() - began
        self.deaths += 1
        self.orphans += took > ORPHANS_SECONDS
        self.slowest_death = max(self.slowest_death, took)
        after = sweep.rows(self.paths)
        if seen is not None and after is not None:
            self.rows_lost += max(seen - after, 0)
        return f"{len(family)} processes gone after {took:.2f} s, {after} rows"

    def _stop_group(self) -> str | None:
        if self.supervisor.process.poll() is not None or len(self.supervisor.family()) < 4:
            return None
        number = self._draw.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        self.rest()  # a suspended process answers no signal, a full disk takes no checkpoint
        began = time.monotonic()
        os.killpg(self.supervisor.pid, number)
        code = self.supervisor.process.wait(60)
        took = time.monotonic() - began
        self.slowest_stop = max(self.slowest_stop, took)
        return f"{number.name}, ended with {code} after {took:.2f} s"

    def _kill_app(self) -> str | None:
        if self.app is None or not self.app.up:
            return None
        self.app.process.kill()
        return f"pid {self.app.pid}"

    def _hang_up(self) -> str | None:
        if self.app is None or not self.app.up or self.app.hung_up:
            return None
        self.app.hang_up()
        return f"pid {self.app.pid}"

    # What passes

    def _fill(self) -> str | None:
        if self._disk is None or self._disk.free < 1 << 20:
            return None
        leave = self._draw.choice((0, 4096, 50_000, 300_000))
        for _ in range(20):
            try:
                self._disk.fill(leave=leave)
                break
            except OSError:
                continue  # somebody else took room while we looked how much there was
        else:
            return None
        return f"but {leave} bytes, for {self._later(2, 7, self._disk.make_room):.1f} s"

    def _hold(self) -> str | None:
        foreign = sqlite3.connect(self.paths.store, isolation_level=None, timeout=5)
        try:
            foreign.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            foreign.close()
            return None
        return f"for {self._later(1, 8, foreign.close):.1f} s"

    def _suspend(self) -> str | None:
        family = self.supervisor.family()
        if self.supervisor.process.poll() is not None or len(family) < 4:
            return None
        whom = self._draw.choice(("worker", "worker", "supervisor", "all", "app"))
        if whom == "worker":
            chosen = [self._draw.choice(sorted(self.supervisor.workers(), key=lambda each: each.pid) or family[:1])]
        elif whom == "app":
            chosen = [psutil.Process(self.app.pid)] if self.app is not None and self.app.up else []
        else:
            chosen = family if whom == "all" else family[:1]
        if not chosen:
            return None
        for one in chosen:
            one.suspend()

        def go_on() -> None:
            for one in chosen:
                with suppress(psutil.Error):
                    one.resume()

        return f"{whom}, {len(chosen)} for {self._later(1, 6, go_on):.1f} s"

    def _flip(self) -> str | None:
        files = sorted(self.paths.runs.glob("*/checkpoint/[0-9]*/*"))
        if not files:
            return None
        path = self._draw.choice(files)
        try:
            with path.open("r+b") as file:
                place = self._draw.randrange(max(path.stat().st_size, 1))
                file.seek(place)
                (byte,) = file.read(1)
                file.seek(place)
                file.write(bytes([byte ^ 1 << self._draw.randrange(8)]))
            self.flipped[path] = sha256(path)
        except (OSError, ValueError):
            return None  # it was pruned meanwhile
        return str(path.relative_to(self.paths.runs))


def _suspended_tracker(one: psutil.Process) -> bool:
    """Whether it is Python's own tracker of shared memory, which we have suspended: it holds nothing, and hears that
    everybody is gone when it is let go on. Workers end also while they are suspended.
    """
    try:
        return one.status() == psutil.STATUS_STOPPED and "resource_tracker" in " ".join(one.cmdline())
    except psutil.Error:
        return True
