"""Who trains a lab: made or opened again, here or in a session of its own. Must not know runs from inside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import scalelab
from scalelab.errors import BadInput, ScalelabError
from scalelab.lab import lock, prepare, session
from scalelab.lab import resume as reopening
from scalelab.lab.hooks import Hooks
from scalelab.lab.local import LocalExecutor, last_words
from scalelab.lab.paths import LabPaths, append_private, lab_paths
from scalelab.lab.prepare import Lab
from scalelab.lab.pulse import HANG_SECONDS
from scalelab.lab.supervisor import Summary

if TYPE_CHECKING:
    from scalelab.preset import Preset


def start(
    preset: Preset | None,
    folder: str | Path,
    *,
    hooks: Hooks | None = None,
    checkpoint_seconds: float = 60.0,
    hang_seconds: float = HANG_SECONDS,
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
            return session.train(lab, executor, hooks, checkpoint_seconds=checkpoint_seconds, hang_seconds=hang_seconds)
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


def resume(folder: str | Path) -> int:
    """Go on with a lab in a session of its own; the pid of the supervisor, which may own it already."""
    try:
        return start_detached(None, folder)
    except lock.Owned as owned:
        if owned.owner is None or not owned.owner.alive:
            raise
        return owned.owner.pid


def existing(folder: str | Path) -> LabPaths:
    """The lab in this folder; BadInput where there is none."""
    paths = lab_paths(folder)
    if not paths.exists:
        raise BadInput(f"there is no lab at {paths.root}", todo="`scalelab run --lab` makes one")
    return paths


def _open(preset: Preset | None, paths: LabPaths, executor: LocalExecutor, hooks: Hooks) -> tuple[Lab, lock.Lock]:
    """The lab, made if need be, and its lock."""
    if not paths.exists and preset is not None:
        lab = prepare.create(preset, paths, executor, hooks)
        return lab, lock.acquire(paths.lock)
    existing(paths.root)
    reopening.stored_preset(paths)  # what is no lab gets no lock file
    held = lock.acquire(paths.lock)
    try:
        return reopening.reopen(preset, paths, hooks), held
    except BaseException:
        held.release()
        raise


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
