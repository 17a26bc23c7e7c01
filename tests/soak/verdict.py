"""What a sweep must be when all is over: complete, counted once, bit for bit the undisturbed one, with nothing left."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from scalelab.lab.integrity import check_lab
from scalelab.lab.paths import LabPaths
from scalelab.records import RunKind, RunState
from scalelab.store.reader import Reader
from tests.lab import mini
from tests.soak import sweep

_REMADE = "is gone: trains again from the one before"
"""Why a trunk may be done a second time: a checkpoint that a branch needed was damaged under it."""
_ROOT = {"preset.toml", "lab.db", "lab.db-wal", "lab.db-shm", "tokens", "runs", "supervisor.log", "lock"}
"""The store's own second and third file stay where a reader was killed while it had the store open."""
_RUN = {"log.txt", "checkpoint", "model"}


@dataclass
class Verdict:
    """Counts of what was looked at and of what was wrong, with words for each wrong thing."""

    looked: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    words: list[str] = field(default_factory=list)

    def count(self, check: str, looked: int, wrong: list[str]) -> None:
        self.looked[check] += looked
        self.wrong[check] += len(wrong)
        self.words += [f"{check}: {each}" for each in wrong]


def judge(found: Verdict, paths: LabPaths, still: LabPaths, flipped: dict[Path, str]) -> None:
    """Hold a disturbed lab against the undisturbed one."""
    _states(found, paths)
    _curves(found, sweep.curves(paths), sweep.curves(still))
    _numbers(found, mini.results(paths), mini.results(still))
    _files(found, paths, flipped)
    _leftovers(found, paths)
    _words(found, paths)


def _states(found: Verdict, paths: LabPaths) -> None:
    with Reader(paths.store) as reader:
        rows, finals = reader.runs(), Counter(final.run for final in reader.finals())
        changes = {row.run: reader.states(row.run) for row in rows}
    undone = [f"{row.run} is {row.state}: {row.reason}" for row in rows if row.state is not RunState.DONE]
    found.count("runs that are not done", len(rows), undone)
    twice = []
    for row in rows:
        done = [n for n, change in enumerate(changes[row.run]) if change.state is RunState.DONE]
        # A branch is done once and for ever; a trunk may have to make a damaged checkpoint again.
        again = [n for n in done[:-1] if _REMADE not in changes[row.run][n + 1].reason]
        if again or (row.spec.kind is not RunKind.TRUNK and (len(done) != 1 or finals[row.run] != 1)):
            twice.append(f"{row.run}: done {len(done)} times, {finals[row.run]} final losses")
    found.count("runs done or scored twice", len(rows), twice)
    found.count("runs marked as not exact", len(rows), [f"{row.run}: {row.not_exact}" for row in rows if row.not_exact])


def _curves(found: Verdict, ours: dict[str, list[Any]], still: dict[str, list[Any]]) -> None:
    gaps, double, other = [], [], []
    for run, points in still.items():
        steps = [point[0] for point in ours[run]]
        gaps += [f"{run} lacks step {step}" for step in {point[0] for point in points} - {*steps}]
        double += [f"{run} has step {step} again" for before, step in pairwise(steps) if step <= before]
        other += [f"{run}: {mine} is not {its}" for mine, its in zip(ours[run], points, strict=False) if mine != its]
    n = sum(map(len, still.values()))
    found.count("points missing from curves", n, gaps)
    found.count("points twice in curves", n, double)
    found.count("points with another loss, rate or gradient", n, other)


def _numbers(found: Verdict, ours: dict[str, Any], still: dict[str, Any]) -> None:
    for what in ("finals", "evaluations"):
        mine, its = ({(each["run"], each["step"]): each for each in json.loads(of[what])} for of in (ours, still))
        other = [f"{key}: {mine.get(key)} is not {its.get(key)}" for key in its if mine.get(key) != its[key]]
        name = "final losses" if what == "finals" else "held-out losses on the way"
        found.count(f"{name} that differ in a bit", len(its), other + [str(key) for key in mine.keys() - its.keys()])
    weights = [run for run, digest in still["weights"].items() if ours["weights"].get(run) != digest]
    found.count("models that differ in a bit", len(still["weights"]), weights)


def _files(found: Verdict, paths: LabPaths, flipped: dict[Path, str]) -> None:
    """What `scalelab doctor LAB` calls wrong, but for what we have damaged ourselves and nobody needed since."""
    ours = {f"{path.parents[2].name} step {int(path.parent.name)}" for path, digest in flipped.items()
            if path.exists() and sha256(path) == digest}  # fmt: skip
    bad = [each for each in check_lab(paths.root) if each.level == "fail"]
    told = [each.text for each in bad if each.text.partition(":")[0] not in ours]
    damaged = {each.text.partition(":")[0] for each in bad}
    found.count("files and rows that do not read", sum(1 for _ in paths.root.rglob("*")), told)
    found.count("damaged checkpoints left at the end that are not noticed", len(ours), sorted(ours - damaged))


def _leftovers(found: Verdict, paths: LabPaths) -> None:
    left = [path for path in paths.root.iterdir() if path.name not in _ROOT]
    for run in paths.runs.iterdir():
        left += [path for path in run.iterdir() if path.name not in _RUN]
        left += [path for path in run.glob("checkpoint/*") if not path.name.isdigit()]
    left += [*paths.root.parent.glob(".making-*")]
    found.count("temporary files left", 1, [str(path) for path in left])


def _words(found: Verdict, paths: LabPaths) -> None:
    logs = [paths.log, *paths.runs.glob("*/log.txt")]
    bad = [str(path) for path in logs if path.exists() and "Traceback" in path.read_text(errors="replace")]
    found.count("logs with a traceback", len(logs), bad)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
