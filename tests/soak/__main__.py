"""`python -m tests.soak [--minutes 10] [--seed N] [--runs 40]`: a sweep under fire, against one that nobody disturbs.

Something is done to it every few seconds: kills of workers, supervisor, app and groups, a full disk, a held store,
suspended processes, flipped bits. Ends with a table of counts; exit code 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from scalelab.lab.paths import LabPaths
from tests.lab import mini
from tests.reliability.disks import SmallDisk
from tests.soak import sweep
from tests.soak.chaos import ORPHANS_SECONDS, Chaos
from tests.soak.processes import App, Supervisor, adopt_orphans, reap
from tests.soak.verdict import Verdict, judge

CALM_SESSIONS = 6
"""Starts that a sweep may need after the last strike: one, and some for runs that were struck too often in one."""
CALM_SECONDS = 1800.0
_LOOK_SECONDS = 0.05
_OTHERS = ("torchinductor_",)
"""A cache that torch keeps for good."""


class Soak:
    """Rounds of one sweep after the other until the time is over; the last one ends undisturbed."""

    def __init__(self, work: Path, seed: int, disk: SmallDisk | None) -> None:
        self.work, self.room = work, disk.root if disk else work
        self.environment = sweep.environment(work)
        self.chaos = Chaos(seed, work / "chaos.log", disk)
        self._keys = random.Random(seed)
        self.found = Verdict()
        self.starts = self.refused = self.app_starts = 0
        self.slowest_app = 0.0
        self._pids: set[int] = set()
        self._everybody: dict[int, psutil.Process] = {}

    def round(self, paths: LabPaths, until: float) -> None:
        """A sweep, struck until then or until it is done."""
        chaos = self.chaos
        chaos.paths = paths
        self._start()
        calm, calm_since = 0, 0.0
        while True:
            striking = time.monotonic() < until
            if striking:
                chaos.look()
            elif not calm_since:
                calm_since = time.monotonic()
                chaos.rest()
                chaos.say("left alone from here on")
            self._look_at_app()
            chaos.supervisor.family()
            reap(self._pids)
            if chaos.supervisor.process.poll() is not None:
                self._ended()
                if sweep.is_done(paths):
                    break
                calm += not striking
                if calm > CALM_SESSIONS or (calm_since and time.monotonic() - calm_since > CALM_SECONDS):
                    break
                self._start()
            time.sleep(_LOOK_SECONDS)
        chaos.rest()
        self._end_app()
        self._orphans()

    def _start(self) -> None:
        self.chaos.supervisor = Supervisor(self.chaos.paths.root, self.environment, self.work / "supervisors.log")
        self._pids.add(self.chaos.supervisor.pid)
        self.starts += 1
        self.chaos.say(f"supervisor {self.chaos.supervisor.pid} starts")

    def _ended(self) -> None:
        """A session is over: with a code that can be, and without a traceback."""
        one, code = self.chaos.supervisor, self.chaos.supervisor.process.returncode
        self._everybody |= one.known
        self.refused += code in {1, 2} and len(one.known) < 4
        self.chaos.say(f"supervisor {one.pid} ended with {code}: {one.said.strip()[-300:]}")
        self.found.count("supervisors that broke", 1, [one.said[-2000:]] if "Traceback" in one.said else [])
        if code in {1, 2}:
            time.sleep(0.5)

    def _look_at_app(self) -> None:
        app = self.chaos.app
        if app is None or app.process.poll() is not None:
            if app is not None:
                self._app_ended(app)
            self.chaos.app = App(self.chaos.paths.root, self.environment, self.work)
            self._pids.add(self.chaos.app.pid)
            self._everybody[self.chaos.app.pid] = psutil.Process(self.chaos.app.pid)
            self.app_starts += 1
            return
        was_up = app.up
        app.look()
        if app.up and not was_up:
            self.slowest_app = max(self.slowest_app, app.up)
        if self._keys.random() < 0.05:
            app.press(self._keys.choice("12345"))

    def _app_ended(self, app: App) -> None:
        """Killed or hung up it may be gone; ended by itself only where it had not come up, while the store was held."""
        app.look()
        code = app.process.returncode
        app.close()
        self.chaos.say(f"app {app.pid} ended with {code}")
        struck = code < 0 or app.hung_up
        broke = b"Traceback" in app.seen or (app.up and not struck)
        words = app.seen[-1500:].decode(errors="replace")
        self.found.count("apps that broke", 1, [f"code {code}: {words}"] if broke else [])

    def _end_app(self) -> None:
        if self.chaos.app is not None:
            self.chaos.app.close()
            self.chaos.app = None

    def _orphans(self) -> None:
        """Nobody may be left of all that was ever started here."""
        deadline = time.monotonic() + ORPHANS_SECONDS
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.found.count("processes left at the end", len(self._everybody), [_in_words(one) for one in left])
        for one in left:
            one.kill()

    def _left(self) -> list[psutil.Process]:
        reap(self._pids)
        return mini.alive([*self._everybody.values(), *psutil.Process().children(recursive=True)])

    def close(self) -> None:
        """End all that was started, however we end."""
        self.chaos.rest()
        for one in self._left():
            one.kill()

    def table(self) -> list[str]:
        """As Markdown."""
        chaos, found = self.chaos, self.found
        lines = ["| done to it | times |", "| --- | --- |"]
        lines += [f"| {name} | {n} |" for name, n in chaos.counts.items()]
        lines += ["", "| found | of | wrong |", "| --- | --- | --- |"]
        late = f"families of a killed supervisor alive after {ORPHANS_SECONDS:g} s"
        lines += [f"| {late} | {chaos.deaths} | {chaos.orphans} |"]
        lines += [f"| rows lost that others had seen | {chaos.deaths} kills | {chaos.rows_lost} |"]
        lines += [f"| {check} | {found.looked[check]} | {found.wrong[check]} |" for check in found.looked]
        lines += [
            "",
            f"{self.starts} supervisors, {self.refused} of them refused to start while disk or store were taken; "
            f"{self.app_starts} apps, the slowest up after {self.slowest_app:.1f} s; {chaos.midway} kills left a "
            f"checkpoint half written; the slowest family died {chaos.slowest_death:.2f} s after its supervisor, the "
            f"slowest asked stop took {chaos.slowest_stop:.1f} s",
        ]
        return lines

    @property
    def wrong(self) -> bool:
        return bool(self.found.words or self.chaos.orphans or self.chaos.rows_lost)


def _in_words(one: psutil.Process) -> str:
    """A process, with what it was started as."""
    try:
        return f"{one.pid}: {' '.join(one.cmdline())[-300:]}"
    except psutil.Error:
        return str(one)


def undisturbed(work: Path, text: Path, runs: int) -> LabPaths:
    """The same sweep, trained in peace."""
    paths = sweep.make(work / "undisturbed", text, runs)
    one = Supervisor(paths.root, sweep.environment(work), work / "undisturbed.log")
    if one.process.wait() or not sweep.is_done(paths):
        raise SystemExit(f"the undisturbed sweep did not end well: {one.said[-2000:]}")
    return paths


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk | None]:
    """A tmpfs, or None where none may be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    try:
        yield SmallDisk(folder) if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long it is struck")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=40, help="the least number of runs of a sweep")
    parser.add_argument("--keep", action="store_true", help="keep the labs and the logs")
    asked = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="scalelab-soak-"))
    os.environ["SCALELAB_CACHE"] = str(work / "cache")
    adopt_orphans()
    mini.write_text(work / "text.txt")
    began = time.monotonic()
    still = undisturbed(work, work / "text.txt", asked.runs)
    print(f"undisturbed: {time.monotonic() - began:.0f} s; logs in {work}", flush=True)
    with small_disk(work / "disk", 256) as disk:
        soak, number = Soak(work, asked.seed, disk), 0
        until = time.monotonic() + 60 * asked.minutes
        try:
            while number == 0 or time.monotonic() < until:
                number += 1
                paths = sweep.make(soak.room / f"lab{number}", work / "text.txt", asked.runs)
                soak.round(paths, until)
                judge(soak.found, paths, still, soak.chaos.flipped)
                print(f"sweep {number} is over after {time.monotonic() - began:.0f} s", flush=True)
                if soak.found.words and disk is not None:
                    shutil.copytree(paths.root, work / f"lab{number}", symlinks=True)
                shutil.rmtree(paths.root)
        finally:
            soak.close()
        left = [path for path in (work / "tmp").iterdir() if not path.name.startswith(_OTHERS)]
        # Of killed supervisors the last has nobody after it that could sweep; each keeps one folder for its sockets.
        sockets = [path for path in left if path.name.startswith("scalelab-sockets-")]
        soak.found.count("temporary files left", 1, [str(path) for path in left if path not in sockets])
    if disk is None:
        print("no disk was filled: mount a tmpfs as root, or run under `unshare -Urm`")
    print(f"{number} sweeps of {len(sweep.curves(still))} runs, {asked.minutes:g} minutes, seed {asked.seed}\n")
    print("\n".join(soak.table()))
    print("".join(f"\nWRONG  {words}" for words in soak.found.words[:40]))
    if not soak.wrong and not asked.keep:
        shutil.rmtree(work)
    return int(soak.wrong)


if __name__ == "__main__":
    sys.exit(main())
