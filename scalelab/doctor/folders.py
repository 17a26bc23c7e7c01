"""The folders that are written: room, rename, fsync, locks and a store, each tried for real in a folder of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scalelab.doctor.line import Line, fail, ok, warn
from scalelab.errors import ScalelabError
from scalelab.gate import clean
from scalelab.units import format_bytes

LITTLE, TOO_LITTLE = 5e9, 0.2e9
"""Bytes of room: tokens of a small corpus take 10 MB, checkpoints of a ladder up to a hundred models some GB."""
SLOW_SYNC = 0.25
"""Seconds: every end of a run and every checkpoint waits for one."""


def look(check: str, folder: Path) -> Iterator[Line]:
    """Room, and whether a lab could live there; the folder itself need not exist yet."""
    here = _nearest(folder)
    where = clean(str(folder), 200)
    try:
        with tempfile.TemporaryDirectory(prefix=".scalelab-doctor-", dir=here) as name:
            yield _room(check, where, shutil.disk_usage(here).free)
            yield from _tried(check, Path(name))
    except OSError as problem:
        yield fail(check, f"{where} cannot be written ({problem.strerror or problem})", "choose another folder")


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next((one for one in (folder, *folder.parents) if one.is_dir()), Path("/"))


def _room(check: str, where: str, free: float) -> Line:
    said = f"{where}: {format_bytes(free)} free"
    if free < TOO_LITTLE:
        return fail(check, said, "make room: training pauses on a full disk")
    if free < LITTLE:
        return warn(check, said, "make room for checkpoints; training pauses on a full disk")
    return ok(check, said)


def _tried(check: str, folder: Path) -> Iterator[Line]:
    took = _sync_seconds(folder)
    said = f"a synced write took {1000 * took:.0f} ms"
    if took > SLOW_SYNC:
        yield warn(check, said, "a slow disk: checkpoints and ends of runs wait for it")
    else:
        yield ok(check, said)
    yield _lock(check, folder)
    yield _store(check, folder)


def _sync_seconds(folder: Path) -> float:
    """Seconds for what a checkpoint does: write, fsync, rename over another, fsync of the folder."""
    began = time.perf_counter()
    for name in ("one", "two"):
        with (folder / name).open("wb") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    os.replace(folder / "two", folder / "one")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return time.perf_counter() - began


def _lock(check: str, folder: Path) -> Line:
    """Whether a second owner is kept out: two descriptors are two owners to flock, also in one process."""
    from scalelab.lab import lock

    with lock.acquire(folder / "lock"):
        try:
            lock.acquire(folder / "lock", patience=0).release()
        except lock.Owned:
            return ok(check, "a second owner of a lab is kept out")
    return fail(check, "locks do not hold here: two supervisors could train one lab", "choose a local folder")


def _store(check: str, folder: Path) -> Line:
    from scalelab.store.writer import Writer

    try:
        writer = Writer(folder / "lab.db")
        writer.close()
    except ScalelabError as problem:
        return fail(check, f"no store can be made: {problem.what}", "choose a local folder")
    if writer.journal != "wal":
        return warn(check, "a network file system: the store is slower, and for one host only", "choose a local folder")
    return ok(check, "the store can be read while it is written")
