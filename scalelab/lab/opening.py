"""Who trains a lab: made or opened again, here or in a session of its own. Must not know runs from inside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import scalelab
from scalelab.errors import BadInput, ScalelabError
from scalelab.lab import lock, prepare, session
from scalelab.lab import resume as reopening
from scalelab.lab.hooks import Hooks
from scalelab.lab.local import LocalExecutor
from scalelab.lab.paths import LabPaths, append_private, lab_paths
from scalelab.lab.prepare import Lab
from scalelab.lab.pulse import HANG_SECONDS
from scalelab.lab.supervisor import Summary
from scalelab.lab.worker_log import last_words

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
    preset: Preset | None,
    folder: str | Path,
    *,
    hooks: Hooks | None = None,
    wait_seconds: float = 30.0,
    only: Sequence[str] = (),
    rate: float | None = None,
) -> int:
    """Make the lab or check it, then train it in a session of its own; the supervisor's pid, once it owns the lab.

    With `only`, nothing but these runs is trained, again and at a share of their rate where one is given.

    Raises as `start` does, and ScalelabError where the supervisor did not come up.
    """
    paths, executor = lab_paths(folder), LocalExecutor()
    try:
        lab, held = _open(preset, paths, executor, hooks or Hooks())
        held.release()
    finally:
        executor.close()
    child = _spawn(lab, only, rate)
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        owner = lock.holder(paths.lock)
        # A short lab may be over before we look: then its supervisor has ended well.
        if (owner and owner.pid == child.pid) or child.poll() == 0:
            return child.pid
        if child.returncode is not None:
            if owner:
                raise lock.Owned(paths.root, owner)  # another starter was quicker
            raise ScalelabError(f"the supervisor of {paths.root} ended: {last_words(paths.log)}")
        time.sleep(0.02)
    raise ScalelabError(f"the supervisor of {paths.root} did not start in {wait_seconds:g} s", todo=f"see {paths.log}")


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
    stored = reopening.stored_preset(paths)  # what is no lab gets no lock file
    if preset is not None:
        # Another preset is refused before an owner is met, whom one who asks for the same may look at.
        reopening.check_same(stored, preset, paths)
    held = lock.acquire(paths.lock)
    try:
        return reopening.reopen(preset, paths, hooks), held
    except BaseException:
        held.release()
        raise


def _spawn(lab: Lab, only: Sequence[str], rate: float | None) -> subprocess.Popen[bytes]:
    inside = str(Path(scalelab.__file__).parents[1])
    path = os.pathsep.join(filter(None, [inside, os.environ.get("PYTHONPATH")]))
    hardware = lab.hardware or reopening.stored_preset(lab.paths).hardware
    words = [hardware.model_dump_json(), "" if rate is None else repr(rate), *only]
    log = append_private(lab.paths.log)
    try:
        # -P: a file of the user's folder must not become a module of ours.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "scalelab.lab.detached", str(lab.paths.root), *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    finally:
        os.close(log)
