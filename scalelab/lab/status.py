"""How a lab stands, from its store and its lock alone; changes nothing and needs no supervisor."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelab.lab import checkpoints, lock, resume, schedule
from scalelab.lab.opening import existing
from scalelab.lab.schedule import Standing
from scalelab.records import RunState
from scalelab.store.reader import Reader

if TYPE_CHECKING:
    from scalelab.preset import Preset


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


def status(folder: str | Path) -> Status:
    """How a lab stands; changes nothing and needs no supervisor."""
    paths = existing(folder)
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


def stored_preset(folder: str | Path) -> Preset:
    """The preset that a lab was made with."""
    return resume.stored_preset(existing(folder))


def _as_left(state: RunState) -> RunState:
    """Stopped and failed runs count as work that the next session takes up."""
    return RunState.PLANNED if state in {RunState.STOPPED, RunState.FAILED} else state
