"""Kills: of a worker in the middle of a step, of the supervisor, of the app that looks on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import statistics
import subprocess
import time
from pathlib import Path

import psutil

from scalelab.lab import control, lock
from scalelab.lab.hooks import Hooks
from scalelab.lab.paths import LabPaths
from scalelab.store.reader import Reader
from tests.lab import mini
from tests.reliability.tally import Tally
from tests.reliability.terminals import Terminal, environment, scalelab

LONG = {"budgets": {"tokens": [320_000, 640_000]}}
"""Runs that outlive what is done to them here."""


class _Killer:
    """Kills each run's worker once, after some steps, and notes when the session speaks of it."""

    def __init__(self, seed: int, most: int) -> None:
        self._draw, self._most = random.Random(seed), most
        self.workers: dict[str, psutil.Process] = {}
        self.last: dict[str, int] = {}
        """Step of the newest point at the kill."""
        self._killed_at: dict[str, float] = {}
        self.noticed: list[float] = []
        self._least: dict[str, int] = {}

    def event(self, kind: str, line: str) -> None:
        run = line.partition(" ")[0].rstrip(":")
        if kind == "start":
            self.workers[run] = psutil.Process(int(line.rpartition(" ")[2]))
        elif kind == "retry":
            self.noticed.append(time.monotonic() - self._killed_at[run])

    def tick(self, reader: Reader) -> None:
        for run, point in reader.latest_points().items():
            row = reader.run(run)
            if run in self.last or len(self.last) >= self._most or row is None or row.state != "running":
                continue
            span = row.spec.n_steps - row.spec.first_step
            least = self._least.setdefault(run, row.spec.first_step + self._draw.randrange(span // 2))
            if least < point.step < row.spec.n_steps - 20:
                self.last[run], self._killed_at[run] = point.step, time.monotonic()
                self.workers[run].kill()


def test_row_01_a_worker_killed_in_the_middle_of_a_step_goes_on_from_its_checkpoint_and_others_do_not_notice(
    text: Path, tmp_path: Path, tally: Tally
) -> None:
    n, killed, resumed, redone, noticed, touched = tally.repeats(2, 40), 0, 0, [0.0], [0.0], 0
    while killed < n:
        paths = mini.make(tmp_path / f"lab{killed}", text)
        killer = _Killer(killed, min(n - killed, 4))
        hooks = Hooks(on_event=killer.event, on_tick=killer.tick)
        summary = control.start(None, paths.root, hooks=hooks, checkpoint_seconds=mini.CHECKPOINT_SECONDS)
        assert killer.last and summary.done == summary.total
        with Reader(paths.store) as reader:
            for row in reader.runs():
                if row.run not in killer.last:
                    touched += row.attempt != 1
                    continue
                again = [point for point in reader.points(row.run) if point.attempt == 2]
                resumed += row.attempt == 2 and bool(again)
                steps = max(killer.last[row.run] - again[0].step, 0)
                redone.append(steps * row.spec.batch_tokens / statistics.median(p.tokens_per_second for p in again))
        killed += len(killer.last)
        noticed += killer.noticed
        shutil.rmtree(paths.root)
    tally.count(1, "runs that went on after a SIGKILL of their worker", resumed, of=killed, promised="40/40")
    tally.value(1, "slowest notice of a killed worker", f"{max(noticed):.2f} s", promised="≤ 2 s")
    tally.value(1, f"most training done again, with a checkpoint every {mini.CHECKPOINT_SECONDS} s",
                f"{max(redone):.2f} s", promised="one interval")  # fmt: skip
    tally.value(1, "other runs that were started again", str(touched), promised="0")
    assert resumed == killed and touched == 0 and max(noticed) < tally.within(2.0)
    assert max(redone) < 10 * mini.CHECKPOINT_SECONDS


def _trains(paths: LabPaths) -> tuple[subprocess.Popen[bytes], float]:
    """A supervisor that has written new points; seconds until it had."""
    before, child = mini.steps(paths), mini.supervise(paths)
    return child, mini.wait_for(lambda: mini.steps(paths) > before or child.poll() is not None, 60, "new points")


def test_row_03_a_killed_supervisor_takes_its_workers_along_and_the_next_one_goes_on(
    text: Path, tmp_path: Path, tally: Tally
) -> None:
    n, late, lost, slowest, starts = tally.repeats(2, 40), 0, 0, 0.0, []
    paths, draw = mini.make(tmp_path / "lab", text, **LONG), random.Random(3)
    for _ in range(n):
        child, took = _trains(paths)
        starts.append(took)
        time.sleep(draw.random() * 0.5)
        with mini.family_of(child.pid) as family:
            seen, began = mini.steps(paths), time.monotonic()
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            mini.wait_for(lambda: not mini.alive(family), 30, "end of the family")
            took = time.monotonic() - began
        late, slowest = late + (took > tally.within(2.0)), max(slowest, took)
        lost += max(seen - mini.steps(paths), 0)
        assert not [log for log in paths.runs.glob("*/log.txt") if "Traceback" in log.read_text()], "it is their end"
        if control.status(paths.root).states.get("done"):
            shutil.rmtree(paths.root)
            paths = mini.make(paths.root, text, **LONG)
    tally.count(3, f"orphans {tally.within(2.0):g} s after a SIGKILL of the supervisor", late, of=n, promised="0/40")
    tally.value(3, "slowest end of the workers of a killed supervisor", f"{slowest:.2f} s", promised="≤ 2 s")
    tally.value(3, "acknowledged rows lost", str(lost), promised="0")
    tally.value(3, "from a start to new steps in the store, median and slowest",
                f"{statistics.median(starts):.1f} s, {max(starts):.1f} s", promised="≤ 5 s")  # fmt: skip
    assert late == 0 and lost == 0


def _strike(how: str, work: Path, paths: LabPaths) -> float:
    """Attach the app, end it in one of three ways; seconds until it showed a run."""
    shows = "16x1-trunk"
    if how == "tmux":
        server = ["tmux", "-L", f"soak{os.getpid()}"]
        subprocess.run([*server, "-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "-s", "it",
                        *scalelab("attach", paths.root)], check=True, env=environment(work))  # fmt: skip
        try:
            began = time.monotonic()
            mini.wait_for(lambda: shows in subprocess.run([*server, "capture-pane", "-p", "-t", "it"], check=True,
                          capture_output=True, text=True).stdout, 60, "app")  # fmt: skip
            took = time.monotonic() - began
            subprocess.run([*server, "kill-pane", "-t", "it"], check=True)
        finally:
            subprocess.run([*server, "kill-server"], check=False, capture_output=True)
        return took
    with Terminal(work, *scalelab("attach", paths.root)) as seen:
        took = seen.until(lambda: shows in seen.seen, "app")
        if how == "SIGKILL":
            seen.process.kill()
        else:
            seen.hang_up()
        seen.process.wait(30)
    return took


def test_row_04_training_does_not_notice_the_end_of_the_app_that_looks_on(
    text: Path, tmp_path: Path, tally: Tally
) -> None:
    ways = ["SIGKILL", "hang-up", *(["tmux"] if shutil.which("tmux") else [])]
    n, survived, attach = len(ways) * tally.repeats(1, 14), 0, []
    one_slot = {"device": "cpu", "slots": 1}  # the other core is for the app
    paths = mini.make(tmp_path / "lab", text, budgets={"tokens": [640_000, 6_400_000]}, hardware=one_slot)
    pid = control.start_detached(None, paths.root)
    try:
        mini.wait_for(lambda: mini.steps(paths) > 0, 60, "points")
        with mini.family_of(pid) as family:
            for trial in range(n):
                attach.append(_strike(ways[trial % len(ways)], tmp_path, paths))
                steps = mini.steps(paths)
                owner = lock.holder(paths.lock)
                mini.wait_for(lambda at=steps: mini.steps(paths) > at, 30, "steps after the app's end")  # type: ignore[misc]
                survived += owner is not None and owner.pid == pid and len(mini.alive(family)) == len(family)
    finally:
        os.kill(pid, signal.SIGKILL)
    tally.count(4, f"sessions that went on after {', '.join(ways)} of the app", survived, of=n, promised="40/40")
    tally.value(4, "attach until a run is shown, median", f"{statistics.median(attach):.2f} s", promised="≤ 1 s")
    assert survived == n
