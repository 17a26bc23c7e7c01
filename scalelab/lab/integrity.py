"""Whether a lab is whole: its store, its curves, its checkpoints, models and tokens, and what killed processes left.

`check_lab` reads all that is there and changes nothing; each finding says what to do. For `scalelab doctor LAB`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from scalelab.errors import ScalelabError
from scalelab.gate import clean
from scalelab.lab import lock, resume
from scalelab.lab.checkpoints import damage
from scalelab.lab.paths import LabPaths, lab_paths
from scalelab.lab.pool import set_aside
from scalelab.records import Point, RunKind, RunState, TokenSet
from scalelab.store import schema
from scalelab.store.check import check_store
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow
from scalelab.units import format_bytes

Level = Literal["ok", "warn", "fail"]
_RECORDED = "recorded"
_LEFT = (".*.making", "runs/*/.*.tmp", "runs/*/checkpoint/.*.tmp")
"""What a process leaves that is killed while it writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    what: str
    """What was looked at, in one or two words."""
    text: str
    todo: str = ""
    """What to do; empty where all is well."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def check_lab(folder: str | Path) -> list[Finding]:
    """All that there is to say of a lab; `fail` where something is lost or wrong, `warn` where it is only odd.

    Raises BadInput where no folder can have that name.
    """
    paths = lab_paths(folder)
    if not paths.exists:
        return [_fail("lab", f"there is no lab at {paths.root}", "`scalelab run --lab` makes one")]
    owner = lock.holder(paths.lock)
    found = list(_store(paths))
    try:
        with Reader(paths.store) as reader:
            rows, recorded = reader.runs(), bool(reader.meta(_RECORDED))
            found += _runs(rows, owner)
            found += _devices(reader)
            found += [] if recorded else _curves(rows, reader)
        lab = None if recorded else resume.load(paths)
    except ScalelabError as error:
        return [*found, _fail("runs", error.line(), error.todo or schema.WAY_OUT)]
    found += _checkpoints(paths, rows)
    found += _models(paths, rows, recorded=recorded)
    for tokens in (lab.tokens, *lab.groups.values()) if lab else ():
        found += _tokens(tokens)
    found += _leftovers(paths, owner)
    found += _room(paths, rows)
    return found


def _store(paths: LabPaths) -> Iterator[Finding]:
    try:
        problems = check_store(paths.store)
    except ScalelabError as error:
        yield _fail("store", error.what, error.todo)
        return
    for problem in problems:
        yield _fail("store", clean(problem, 300), schema.WAY_OUT)
    if not problems:
        yield _ok("store", f"{format_bytes(paths.store.stat().st_size)}, pages, checksums and rows agree")
    if schema.on_network(paths.store):
        yield _warn("store", "lies on a network file system", "use it from one host only, or move it to a local disk")


def _runs(rows: list[RunRow], owner: lock.Owner | None) -> Iterator[Finding]:
    orphaned = [row.run for row in rows if row.state is RunState.RUNNING] if owner is None else []
    if orphaned:
        yield _warn("runs", f"{_names(orphaned)} ended without a word", "`scalelab resume` goes on with them")
    for row in rows:
        if row.state is RunState.DONE and row.step != row.spec.n_steps:
            yield _fail("runs", f"{row.run} is done at step {row.step} of {row.spec.n_steps}", "train it again")
    not_exact = [row.run for row in rows if row.not_exact]
    if not_exact:
        yield _warn(
            "runs", f"{_names(not_exact)} not exact: {rows[0].not_exact or 'see their rows'}", "nothing to mend"
        )
    if owner is not None and owner.waiting:
        yield _warn("session", owner.waiting, "it goes on by itself")
    yield _ok("runs", f"{len(rows)} runs, {sum(row.state is RunState.DONE for row in rows)} done")


def _devices(reader: Reader) -> Iterator[Finding]:
    for device, why in set_aside(reader).items():
        todo = "`scalelab doctor` proves the devices; the next session looks at it anew"
        yield _warn("devices", f"{clean(device, 20)} is set aside: {clean(why, 300)}", todo)


def _curves(rows: list[RunRow], reader: Reader) -> Iterator[Finding]:
    n = 0
    for row in rows:
        points = reader.points(row.run)
        n += len(points)
        yield from _curve(row, points)
    yield _ok("curves", f"{n} points")


def _curve(row: RunRow, points: list[Point]) -> Iterator[Finding]:
    """A curve is whole where no two points are further apart than its run tells them, from its first step to its last.

    What a killed session had not written yet comes again with the steps that its next one repeats.
    """
    steps = [row.spec.first_step, *(point.step for point in points)]
    if row.state is RunState.DONE:
        steps.append(row.spec.n_steps)
    gaps = [before for before, after in pairwise(steps) if after - before > row.spec.points_every]
    if gaps:
        yield _fail("curves", f"{row.run} has {len(gaps)} gaps, the first after step {gaps[0]}", "train it again")
    wrong = [point.step for point in points if point.n_tokens != point.step * row.spec.batch_tokens]
    if wrong:
        yield _fail(
            "curves", f"{row.run} counts other tokens than its steps have, at step {wrong[0]}", "train it again"
        )
    if any(after.attempt < before.attempt for before, after in pairwise(points)):
        yield _warn(
            "curves", f"{row.run}: an earlier attempt follows a later one", "resume it: what repeats is replaced"
        )


def _checkpoints(paths: LabPaths, rows: list[RunRow]) -> Iterator[Finding]:
    n = 0
    for row in rows:
        parent = paths.run_dir(row.run) / "checkpoint"
        for folder in sorted(parent.glob("[0-9]*")):
            n += 1
            if problem := damage(folder):
                yield _fail("checkpoints", f"{row.run} step {int(folder.name)}: {problem}", "the one before it serves")
    yield _ok("checkpoints", f"{n} read")


def _models(paths: LabPaths, rows: list[RunRow], *, recorded: bool) -> Iterator[Finding]:
    n = 0
    for row in rows:
        folder = paths.run_dir(row.run) / "model"
        if row.state is not RunState.DONE or row.spec.kind is RunKind.TRUNK or recorded:
            continue
        n += 1
        try:
            lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
            torn = [name for claimed, _, name in (line.partition("  ") for line in lines)
                    if _sha256(folder / Path(name).name) != claimed]  # fmt: skip
        except (OSError, ValueError) as error:
            yield _warn("models", f"{row.run} has none that reads: {clean(str(error), 200)}", "its losses are kept")
            continue
        if torn:
            yield _fail("models", f"{row.run}: {_names(torn)} is not as it was written", "its losses are kept")
    yield _ok("models", f"{n} looked at")


def _tokens(tokens: TokenSet) -> Iterator[Finding]:
    folder = Path(tokens.directory)
    todo = "the next `scalelab run` makes them again from the same text"
    try:
        claimed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
        torn = [name for name, of in claimed.items() if _sha256(folder / Path(name).name) != of["sha256"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield _warn("tokens", f"those of {tokens.corpus} do not read: {clean(str(error), 200)}", todo)
        return
    if torn:
        yield _fail("tokens", f"{_names(torn)} of {tokens.corpus} is not as it was written", f"remove {folder}; {todo}")
    else:
        yield _ok("tokens", f"{tokens.train_tokens} of {tokens.corpus}")


def _leftovers(paths: LabPaths, owner: lock.Owner | None) -> Iterator[Finding]:
    if owner is not None:
        return
    beside = [path for path in paths.root.parent.glob(".making-*") if (path / "lab.db").exists()]
    left = [path for pattern in _LEFT for path in paths.root.glob(pattern)] + beside
    if left:
        yield _warn("leftovers", f"{len(left)}, the first {left[0]}", "no process needs them: remove them")
    for backup in sorted(paths.root.glob("lab.db.backup-v*")):
        yield _ok("backup", f"{backup.name}: the store before it was brought up to date")


def _room(paths: LabPaths, rows: list[RunRow]) -> Iterator[Finding]:
    open_ones = [row.spec.counts.n_total for row in rows if row.state is not RunState.DONE]
    free = shutil.disk_usage(paths.root).free
    # Weights and both moments in float32, and three checkpoints of each: two kept and one in the making.
    needed = 36 * max(open_ones, default=0)
    if free < needed:
        text = f"{format_bytes(free)} free, checkpoints of the largest run take {format_bytes(needed)}"
        yield _warn("disk", text, "make room: training will pause there")
    else:
        yield _ok("disk", f"{format_bytes(free)} free")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _ok(what: str, text: str) -> Finding:
    return Finding(level="ok", what=what, text=text)


def _warn(what: str, text: str, todo: str) -> Finding:
    return Finding(level="warn", what=what, text=text, todo=todo)


def _fail(what: str, text: str, todo: str) -> Finding:
    return Finding(level="fail", what=what, text=text, todo=todo)
