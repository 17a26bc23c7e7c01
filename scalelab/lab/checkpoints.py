"""Which checkpoints a lab still needs; removes the rest. Knows their folders' names, not what is in them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from scalelab.gate import clean
from scalelab.lab.paths import LabPaths
from scalelab.lab.schedule import SavedStep, Standing
from scalelab.records import RunKind, RunState

_SETTLED = frozenset({RunState.DONE, RunState.DIVERGED})
"""States that no later start goes on from."""


def folder(paths: LabPaths, run: str, step: int) -> Path:
    """Where a run's checkpoint of a step lies."""
    return paths.run_dir(run) / "checkpoint" / f"{step:010d}"


def on_disk(paths: LabPaths, runs: Mapping[str, Standing]) -> set[SavedStep]:
    """The branch points whose checkpoints are there; the disk knows, even of one saved while the supervisor died."""
    points = {(run.spec.parent, run.spec.first_step) for run in runs.values() if run.spec.parent}
    return {
        (trunk, step) for trunk, step in points if trunk and (folder(paths, trunk, step) / "manifest.json").is_file()
    }


def remove_damaged(paths: LabPaths, run: str, step: int) -> bool:
    """Remove a checkpoint whose bytes are not the ones that were written; whether it was so, or is gone."""
    where = folder(paths, run, step)
    if not damage(where):
        return False
    shutil.rmtree(where, ignore_errors=True)
    return True


def damage(where: Path) -> str:
    """What is wrong with a checkpoint's folder: its manifest may be torn as well as its state; empty where all is well.

    Damaged is what a worker would refuse to load, or it would refuse it for ever.
    """
    try:
        manifest = json.loads((where / "manifest.json").read_text(encoding="utf-8"))
        signed = {**manifest, "own_sha256": ""}
        if hashlib.sha256(json.dumps(signed, sort_keys=True).encode()).hexdigest() != manifest["own_sha256"]:
            return "its manifest is not the one that was written"
        with open(where / "state.safetensors", "rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == manifest["sha256"]
        return "" if same else "its hash is another"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return clean(f"cannot be read: {error}", 200)


def discard(paths: LabPaths, run: str) -> list[int]:
    """Remove every checkpoint of a run, which begins anew; the steps that they were of."""
    there = steps(paths, run)
    shutil.rmtree(paths.run_dir(run) / "checkpoint", ignore_errors=True)
    return there


def prune(paths: LabPaths, runs: Mapping[str, Standing]) -> dict[str, list[int]]:
    """Remove what nothing will start from again; what was removed, by run.

    A trunk's last branch point stays when all is done: from it the trunk goes on if the lab is ever extended.
    """
    removed: dict[str, list[int]] = {}
    for name, run in runs.items():
        there = steps(paths, name)
        if not there:
            continue
        gone = _all_but_the_end(run, there) if _is_over(run, runs) else _spent(run, runs, there)
        for step in gone:
            shutil.rmtree(folder(paths, name, step), ignore_errors=True)
        if gone == there:
            shutil.rmtree(paths.run_dir(name) / "checkpoint", ignore_errors=True)
        if gone:
            removed[name] = gone
    return removed


def _is_over(run: Standing, runs: Mapping[str, Standing]) -> bool:
    """Whether no attempt and no branch will need any checkpoint of this run."""
    return run.state is RunState.DONE and all(branch.state in _SETTLED for branch in _branches(run, runs))


def _all_but_the_end(run: Standing, there: list[int]) -> list[int]:
    end = max((step for step in there if step in run.spec.branch_steps), default=None)
    return [step for step in there if step != end]


def _spent(run: Standing, runs: Mapping[str, Standing], there: list[int]) -> list[int]:
    """Branch points of a trunk whose branches are all settled; never the newest, which the trunk may go on from."""
    if run.spec.kind is not RunKind.TRUNK:
        return []
    needed = {branch.spec.first_step for branch in _branches(run, runs) if branch.state not in _SETTLED}
    newest = max(there)
    return [step for step in there if step in run.spec.branch_steps and step not in needed and step != newest]


def _branches(run: Standing, runs: Mapping[str, Standing]) -> Iterable[Standing]:
    return [other for other in runs.values() if other.spec.parent == run.spec.run]


def steps(paths: LabPaths, run: str) -> list[int]:
    """The steps of a run's checkpoints, whole or not, in order."""
    parent = paths.run_dir(run) / "checkpoint"
    try:
        return sorted(int(path.name) for path in parent.iterdir() if path.name.isdigit())
    except OSError:
        return []
