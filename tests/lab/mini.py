"""A very small real lab for tests: two rungs, two budgets, some seconds in all; made without a probe."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from scalelab import plan, preset_files
from scalelab.lab import prepare
from scalelab.lab.hooks import Hooks
from scalelab.lab.paths import LabPaths
from scalelab.preset import Preset
from scalelab.records import DeviceInfo
from scalelab.store.reader import Reader

ROOT = Path(__file__).parents[2]
CHECKPOINT_SECONDS = 0.3
DEVICE = DeviceInfo(
    name="cpu", label="a box of the tests", memory_bytes=8 * 10**9, slots=2, peak_flops=1e10, peak_source="nominal"
)
_DRIVER = """
import sys
from scalelab.lab import control
summary = control.start(
    None, sys.argv[1], checkpoint_seconds=float(sys.argv[2]), hang_seconds=float(sys.argv[3])
)
sys.exit(130 if summary.interrupted else 0)
"""


def write_text(path: Path, seed: int = 0, lines: int = 2000) -> None:
    """A language of two hundred words, 66 bytes a line."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghij", k=draw.randint(2, 7))) for _ in range(200)]
    path.write_text("\n".join(" ".join(draw.choices(words, k=12)) for _ in range(lines)), encoding="utf-8")


def preset(text: Path, **changes: Any) -> Preset:
    tables: dict[str, Any] = {
        "name": "mini",
        "model": {"context": 16},
        "ladder": {"shapes": ["8x1", "16x1"]},
        "budgets": {"tokens": [32_000, 64_000]},
        "batch": {"sequences": 4},
        "corpus": {"source": str(text), "tokenizer": "bytes"},
        "evaluation": {"tokens": 1024, "points": 2},
        "hardware": {"device": "cpu", "slots": 2},
        **changes,
    }
    return preset_files.parse(tables, "mini")


def make(folder: Path, text: Path, *, device: DeviceInfo = DEVICE, **changes: Any) -> LabPaths:
    """The lab on disk, not yet trained."""
    paths = LabPaths(folder)
    prepare.write(planned(text, device, **changes), prepare.prepare_tokens(preset(text), Hooks()), paths)
    return paths


def planned(text: Path, device: DeviceInfo = DEVICE, **changes: Any) -> plan.Plan:
    return plan.make_plan(preset(text, **changes), device)


def supervise(paths: LabPaths, *, hang_seconds: float = 60.0, modules: Path = ROOT) -> subprocess.Popen[bytes]:
    """A supervisor in a process and a session of its own; what is in the folder `modules` can be imported there.

    It is a script without a main guard, in a folder with a trap: workers must neither run the one nor see the other.
    """
    script, trap = paths.root.parent / "driver.py", paths.root.parent / "cwd"
    script.write_text(_DRIVER)
    trap.mkdir(exist_ok=True)
    (trap / "random.py").write_text("raise SystemExit('a file of the user became a module')")
    return subprocess.Popen(
        [sys.executable, str(script), str(paths.root), str(CHECKPOINT_SECONDS), str(hang_seconds)],
        cwd=trap,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{modules}"},
    )


class Watch:
    """Hears a session's events, and knows its workers in the order of their starts."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []
        self.runs: list[str] = []
        self.workers: list[psutil.Process] = []
        self.memory: list[int] = []
        self.struck: int | None = None

    def event(self, kind: str, line: str) -> None:
        self.events.append((kind, line))
        if kind == "start":
            self.runs.append(line.partition(" ")[0])
            self.workers.append(psutil.Process(int(line.rpartition(" ")[2])))

    def told(self, kind: str) -> list[str]:
        return [line for one, line in self.events if one == kind]

    def measure(self) -> None:
        """Keep what each worker holds in memory now."""
        for worker in self.workers:
            with suppress(psutil.Error):
                self.memory.append(worker.memory_info().rss)


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Seconds until the condition held; polls, since what is waited for happens in other processes."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"after {seconds:g} s: no {what}"
        time.sleep(0.02)
    return time.monotonic() - began


def steps(paths: LabPaths) -> int:
    """The number of points in the store."""
    with Reader(paths.store) as reader:
        return sum(len(reader.points(row.run)) for row in reader.runs())


@contextmanager
def family_of(pid: int) -> Iterator[list[psutil.Process]]:
    """A process and all it has started."""
    top = psutil.Process(pid)
    yield [top, *top.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for one in processes:
        with suppress(psutil.NoSuchProcess):  # it may end between the two questions
            if one.is_running() and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
    return found


def results(paths: LabPaths) -> dict[str, Any]:
    """What must be equal, bit for bit, however often a lab was killed: losses and weights of all points."""
    with Reader(paths.store) as reader:
        finals = [{**final.to_dict(), "attempt": 0} for final in reader.finals()]
        evaluations = [{**one.to_dict(), "attempt": 0} for one in reader.evaluations()]
    weights = {
        path.parent.parent.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths.runs.glob("*/model/model.safetensors"))
    }
    return {"finals": json.dumps(finals), "evaluations": json.dumps(evaluations), "weights": weights}
