"""The labs that the start screen lists: where they are found, and each in a few words. Reads stores, no screen."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scalelab.errors import ScalelabError
from scalelab.gate import clean
from scalelab.records import RunKind, RunState
from scalelab.store.rows import RunRow

FOLDER = Path("labs")
"""Where `scalelab run` puts labs, from where it was started."""
MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LabLine:
    """One lab as a line of the list."""

    root: Path
    shown: str
    """The folder as people type it."""
    state: str
    progress: str
    law: str
    changed: float
    """When something last happened, seconds since the epoch."""
    alive: bool = False


def found(recent: Iterable[Path], folder: Path = FOLDER) -> list[Path]:
    """The labs below ./labs and those that were open lately, each once."""
    here = [path.parent for path in sorted(folder.glob("*/lab.db"))] if folder.is_dir() else []
    own = [Path(os.path.abspath(path)) for path in (*here, *recent)]
    return list(dict.fromkeys(own))[:MOST]


def read(root: Path) -> LabLine:
    """What the store of one lab says; of one that cannot be read, why."""
    from scalelab.lab.lock import holder
    from scalelab.store.reader import Reader

    try:
        with Reader(root / "lab.db") as reader:
            rows, fit = reader.runs(), reader.latest_fit()
    except ScalelabError as problem:
        return LabLine(root=root, shown=short(root), state="unreadable", progress="", law=problem.line(), changed=0.0)
    alive = holder(root / "lock") is not None
    changed = max([fit.time if fit else 0.0, *(row.changed for row in rows)])
    return LabLine(
        root=root,
        shown=short(root),
        state=_state(rows, alive),
        progress=_progress(rows),
        law=_law(fit.json) if fit else "no law yet",
        changed=changed,
        alive=alive,
    )


def short(root: Path) -> str:
    """A folder as people type it: from here where it is below, else whole."""
    relative = os.path.relpath(root)
    return clean(str(root) if relative.startswith("..") else relative, 300)


def _state(rows: list[RunRow], alive: bool) -> str:
    from scalelab.tui.snapshot import state_of

    return state_of(tuple(rows), alive)


def _progress(rows: list[RunRow]) -> str:
    points = [row for row in rows if row.spec.kind is not RunKind.TRUNK]
    done = sum(row.state is RunState.DONE for row in points)
    failed = sum(row.state in {RunState.FAILED, RunState.DIVERGED} for row in rows)  # trunks too, as the table has them
    return f"{done} of {len(points)}" + (f", {failed} failed" if failed else "")


def _law(text: str) -> str:
    from scalelab.laws import Assessment
    from scalelab.tui.header import equation

    seen = Assessment.kept(text)
    if seen is None:
        return "fitted by another version"
    return equation(seen) if seen.best else "no law yet"
