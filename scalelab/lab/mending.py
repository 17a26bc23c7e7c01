"""Rows of the store that are not what was written: the session says so, and trains again what they belonged to.

What a run is, and the facts of the lab, cannot be made again: with those damaged nothing is trained.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from scalelab.errors import BadInput, ScalelabError
from scalelab.lab import lock
from scalelab.lab.hooks import Guarded
from scalelab.lab.paths import LabPaths, lab_paths
from scalelab.records import RunState
from scalelab.store.check import is_whole
from scalelab.store.reader import Reader
from scalelab.store.salvage import salvage
from scalelab.store.writer import Writer

_ITSELF = frozenset({"meta", "run"})
_TRAINED = frozenset({"point", "evaluation", "part_evaluation", "score"})
_WORDS = {
    "point": "points", "evaluation": "held-out losses", "part_evaluation": "held-out losses on a mixture's parts",
    "score": "scores", "state_change": "history", "prediction": "predictions",
}  # fmt: skip


class NotTorn(ScalelabError):
    """A store that needs no mending."""


def mend(folder: str | Path) -> tuple[Path, dict[str, int]]:
    """Put what still reads of a lab's store in its place; where the damaged one lies now, and the rows that were kept.

    The next session trains again what is no longer complete.

    Raises
    ------
    BadInput
        There is no lab.
    NotTorn
        Its store has no torn page.
    ScalelabError
        Somebody trains it, or what the lab is can no longer be read.
    """
    paths = lab_paths(folder)
    if not paths.exists:
        raise BadInput(f"there is no lab at {paths.root}", todo="`scalelab run --lab` makes one")
    with lock.acquire(paths.lock):
        if is_whole(paths.store):
            raise NotTorn(f"no page of {paths.store} is torn", todo="`scalelab run` mends the rest by itself")
        making = paths.store.with_name(f".{paths.store.name}.making")
        making.unlink(missing_ok=True)
        try:
            kept = salvage(paths.store, making)
            _check_whole(making, paths)
            away = _aside(paths.store)
            making.chmod(0o600)
            os.rename(making, paths.store)
        finally:
            making.unlink(missing_ok=True)
    return away, kept


def _check_whole(making: Path, paths: LabPaths) -> None:
    """Refuse to go on without what cannot be made again."""
    with Writer(making) as writer, Reader(making) as reader:
        lost = [key for part, key in writer.unsound if part in _ITSELF]
        if lost or not reader.runs() or not reader.meta("preset"):
            raise ScalelabError(
                f"what lab {paths.root} is does not read any more ({', '.join(lost[:3]) or 'its plan'})",
                todo="put back a copy; nothing was changed",
            )
        # A run that was under way has no checksum that could tell what it lost.
        for row in reader.runs():
            if row.state is RunState.RUNNING:
                _begin_again(writer, reader, paths, row.run)


def _aside(store: Path) -> Path:
    """The damaged store under another name, with its WAL."""
    number = next(n for n in range(1, 10_000) if not store.with_name(f"{store.name}.damaged-{n}").exists())
    away = store.with_name(f"{store.name}.damaged-{number}")
    for ending in ("-wal", "-shm"):
        beside = store.with_name(store.name + ending)
        if beside.exists():
            os.rename(beside, away.with_name(away.name + ending))
    os.rename(store, away)
    return away


def fall_back(writer: Writer, reader: Reader, paths: LabPaths, views: Guarded) -> None:
    """Forget what is damaged, and put the runs whose numbers it was back into the plan.

    Raises
    ------
    ScalelabError
        A fact of the lab, or what a run is, is not what was written.
    """
    for part, key in writer.unsound:
        if part in _ITSELF:
            what = f"the fact {key!r}" if part == "meta" else f"what run {key} is"
            raise ScalelabError(
                f"store {writer.path} is damaged: {what} is not as it was written", todo="put back a copy"
            )
    for part, key in writer.unsound:
        writer.forget(part, key)
        if part == "fit":
            views.event("warning", f"fit {key} is not as it was written: it is left out")
            continue
        views.event("warning", f"the {_WORDS[part]} of {key} are not as they were written: they are left out")
    for run in sorted({key for part, key in writer.unsound if part in _TRAINED}):
        _begin_again(writer, reader, paths, run)
    writer.unsound = []


def _begin_again(writer: Writer, reader: Reader, paths: LabPaths, run: str) -> None:
    for part in sorted(_TRAINED):
        writer.forget(part, run)
    shutil.rmtree(paths.run_dir(run) / "checkpoint", ignore_errors=True)
    row = reader.run(run)
    if row is not None:
        writer.set_step(run, row.spec.first_step)
        writer.set_state(run, row.attempt, RunState.PLANNED, "its rows in the store were damaged: it trains again")
