"""What readers may do to a lab: start it, start it detached, stop it, ask about it. The only door of this room.

Everything that needs torch happens in a worker process; importing this file is cheap.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import scalelab
from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean
from scalelab.lab import checkpoints, lock, prepare, resume, schedule, session
from scalelab.lab.hooks import Hooks
from scalelab.lab.local import LocalExecutor, last_words
from scalelab.lab.lock import Owned
from scalelab.lab.paths import LabPaths, append_private, lab_paths
from scalelab.lab.prepare import Lab
from scalelab.lab.schedule import Standing
from scalelab.lab.supervisor import Summary
from scalelab.records import DeviceInfo, RunState
from scalelab.store.reader import Reader

if TYPE_CHECKING:
    from scalelab.preset import Preset

__all__ = [
    "Hooks",
    "Owned",
    "Sample",
    "Status",
    "Summary",
    "devices",
    "request_stop",
    "sample",
    "start",
    "start_detached",
    "status",
    "stored_preset",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A lab as it stands."""

    lab: str
    pid: int | None
    """The supervisor, while one owns the lab."""
    states: dict[str, int]
    """How many runs are planned, running, done …"""
    seconds_left: float
    """Estimated from the plan and what is done, on the plan's slots; 0 when nothing is left."""
    fit_after: str | None
    """The run after which the last good fit was made."""
    fit_age_seconds: float | None
    fit_problem: str
    """Why there is no newer fit; empty where there is nothing to say."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Text that a trained run wrote."""

    run: str
    prompt: str
    text: str
    ids: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def start(
    preset: Preset | None, folder: str | Path, *, hooks: Hooks | None = None, checkpoint_seconds: float = 60.0
) -> Summary:
    """Make the lab, or go on with it, and train it here to the end; SIGINT or SIGTERM stops it, the same call goes on.

    Without a preset the lab must exist and its own serves.

    Raises
    ------
    BadInput
        Preset, corpus, device or folder cannot serve, or are not those of the lab.
    Owned
        Another process trains this lab.
    """
    paths, hooks, executor = lab_paths(folder), hooks or Hooks(), LocalExecutor()
    try:
        lab, held = _open(preset, paths, executor, hooks)
        with held:
            return session.train(lab, executor, hooks, checkpoint_seconds=checkpoint_seconds)
    finally:
        executor.close()


def start_detached(
    preset: Preset | None, folder: str | Path, *, hooks: Hooks | None = None, wait_seconds: float = 30.0
) -> int:
    """Make the lab or check it, then train it in a session of its own; the supervisor's pid, once it owns the lab.

    Raises as `start` does, and ScalelabError where the supervisor did not come up.
    """
    paths, executor = lab_paths(folder), LocalExecutor()
    try:
        _, held = _open(preset, paths, executor, hooks or Hooks())
        held.release()
    finally:
        executor.close()
    child = _spawn(paths)
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        owner = lock.holder(paths.lock)
        # A short lab may be over before we look: then its supervisor has ended well.
        if (owner and owner.pid == child.pid) or child.poll() == 0:
            return child.pid
        if child.returncode is not None:
            raise ScalelabError(f"the supervisor of {paths.root} ended: {last_words(paths.log)}")
        time.sleep(0.02)
    raise ScalelabError(f"the supervisor of {paths.root} did not start in {wait_seconds:g} s", todo=f"see {paths.log}")


def request_stop(folder: str | Path, *, now: bool = False) -> int:
    """Ask the supervisor of a lab to save and stop (`now`: without saving); its pid.

    Raises ScalelabError where nobody trains the lab.
    """
    paths = _existing(folder)
    owner = lock.holder(paths.lock)
    if owner is None:
        raise ScalelabError(f"lab {paths.root} is not being trained", todo="`scalelab run` goes on with it")
    with Reader(paths.store) as reader:
        reader.request("stop", {"now": now})
    return owner.pid


def status(folder: str | Path) -> Status:
    """How a lab stands; changes nothing and needs no supervisor."""
    paths = _existing(folder)
    owner = lock.holder(paths.lock)
    with Reader(paths.store) as reader:
        rows, fit, problem = reader.runs(), reader.latest_fit(), reader.meta("fit_problem")
    lab = resume.load(paths)
    runs = {
        row.run: Standing(
            spec=row.spec, state=_as_left(row.state), expected_seconds=row.expected_seconds, step=row.step
        )
        for row in rows
    }
    return Status(
        lab=str(paths.root),
        pid=owner.pid if owner else None,
        states=dict(Counter(str(row.state) for row in rows)),
        seconds_left=schedule.time_left(runs, checkpoints.on_disk(paths, runs), lab.device.slots),
        fit_after=fit.after_run if fit else None,
        fit_age_seconds=max(time.time() - fit.time, 0.0) if fit else None,
        fit_problem=problem or "",
    )


def devices() -> list[DeviceInfo]:
    """The devices of this machine with their measured peaks, the best one first; asks torch in a worker."""
    executor = LocalExecutor()
    try:
        return [DeviceInfo.from_dict(device) for device in executor.ask("devices", {})]
    finally:
        executor.close()


def sample(
    folder: str | Path, run: str, prompt: str, *, n: int = 100, temperature: float = 0.8, top_k: int = 50, seed: int = 0
) -> Sample:
    """Text that a finished run writes after a prompt.

    Raises
    ------
    BadInput
        There is no such run; names those there are.
    ScalelabError
        It has no finished model yet.
    """
    paths = _existing(folder)
    model = paths.run_dir(run) / "model"
    with Reader(paths.store) as reader:
        known = [row.run for row in reader.runs() if row.state is RunState.DONE]
    if not model.is_dir():
        written = [name for name in known if (paths.run_dir(name) / "model").is_dir()]
        raise BadInput(
            f"lab {paths.root} has no finished model {clean(run, 60)!r}", allowed=", ".join(written) or "none yet"
        )
    executor = LocalExecutor()
    try:
        answer = executor.ask(
            "sample",
            {
                "tokens": resume.load(paths).tokens.directory,
                "model": str(model),
                "n": n,
                "prompt": prompt,
                "temperature": temperature,
                "top_k": top_k,
                "seed": seed,
            },
        )
    finally:
        executor.close()
    return Sample(run=run, prompt=prompt, text=answer["text"], ids=tuple(answer["ids"]))


def stored_preset(folder: str | Path) -> Preset:
    """The preset that a lab was made with."""
    return resume.stored_preset(_existing(folder))


def _open(preset: Preset | None, paths: LabPaths, executor: LocalExecutor, hooks: Hooks) -> tuple[Lab, lock.Lock]:
    """The lab, made if need be, and its lock."""
    if not paths.exists and preset is not None:
        lab = prepare.create(preset, paths, executor, hooks)
        return lab, lock.acquire(paths.lock)
    _existing(paths.root)
    resume.stored_preset(paths)  # what is no lab gets no lock file
    held = lock.acquire(paths.lock)
    try:
        return resume.reopen(preset, paths, hooks), held
    except BaseException:
        held.release()
        raise


def _existing(folder: str | Path) -> LabPaths:
    paths = lab_paths(folder)
    if not paths.exists:
        raise BadInput(f"there is no lab at {paths.root}", todo="`scalelab run --lab` makes one")
    return paths


def _as_left(state: RunState) -> RunState:
    """Stopped and failed runs count as work that the next session takes up."""
    return RunState.PLANNED if state in {RunState.STOPPED, RunState.FAILED} else state


def _spawn(paths: LabPaths) -> subprocess.Popen[bytes]:
    inside = str(Path(scalelab.__file__).parents[1])
    path = os.pathsep.join(filter(None, [inside, os.environ.get("PYTHONPATH")]))
    log = append_private(paths.log)
    try:
        # -P: a file of the user's folder must not become a module of ours.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "scalelab.lab.detached", str(paths.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    finally:
        os.close(log)
