"""How a lab stands, from its store and its lock alone; changes nothing and needs no supervisor."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelab.lab import checkpoints, lock, resume, schedule
from scalelab.lab.ending import STOPPING
from scalelab.lab.opening import existing
from scalelab.lab.pool import set_aside
from scalelab.lab.prepare import DEVICE
from scalelab.lab.schedule import Standing
from scalelab.lab.supervisor import PROBLEM
from scalelab.records import DeviceInfo, RunState
from scalelab.store.reader import Reader

if TYPE_CHECKING:
    from scalelab.preset import Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A lab as it stands."""

    lab: str
    pid: int | None
    """The supervisor, while one owns the lab."""
    waiting: str
    """Why the supervisor writes nothing now: a full disk, a store that another process holds; empty while it does."""
    stopping: str
    """How the supervisor is ending, "saving", "at once" or "after the current runs"; empty while it is not."""
    problem: str
    """Why the last session ended before its work did, where no person ended it; empty while one trains."""
    states: dict[str, int]
    """How many runs are planned, running, done …"""
    seconds_left: float
    """Estimated from the plan and what is done, on the plan's slots; 0 when nothing is left."""
    fit_after: str | None
    """The run after which the last good fit was made."""
    fit_age_seconds: float | None
    fit_problem: str
    """Why there is no newer fit; empty where there is nothing to say."""
    set_aside: Mapping[str, str]
    """The devices that vanished in this session or the last one, with the reasons."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def status(folder: str | Path) -> Status:
    """How a lab stands; changes nothing and needs no supervisor."""
    paths = existing(folder)
    owner = lock.holder(paths.lock)
    with Reader(paths.store) as reader:
        rows, fit, told = reader.runs(), reader.latest_fit(), reader.meta
        aside = set_aside(reader)
        problem, stopping, ended, device = told("fit_problem"), told(STOPPING), told(PROBLEM), told(DEVICE)
    # Who has trained elsewhere has no device here, and nothing left to estimate.
    slots = DeviceInfo.from_json(device).slots if device else 0
    runs = {
        row.run: Standing(
            spec=row.spec,
            state=row.state if owner else _as_left(row.state),
            expected_seconds=row.expected_seconds,
            step=row.step,
        )
        for row in rows
    }
    return Status(
        lab=str(paths.root),
        pid=owner.pid if owner else None,
        waiting=owner.waiting if owner else "",
        stopping=(stopping or "") if owner else "",
        problem="" if owner else ended or "",
        states=dict(Counter(str(row.state) for row in rows)),
        seconds_left=schedule.time_left(runs, checkpoints.on_disk(paths, runs), slots) if slots else 0.0,
        fit_after=fit.after_run if fit else None,
        fit_age_seconds=max(time.time() - fit.time, 0.0) if fit else None,
        fit_problem=problem or "",
        set_aside=aside,
    )


def stored_preset(folder: str | Path) -> Preset:
    """The preset that a lab was made with."""
    return resume.stored_preset(existing(folder))


def _as_left(state: RunState) -> RunState:
    """Stopped and failed runs count as work that the next session takes up; one that is under way does not."""
    return RunState.PLANNED if state in {RunState.STOPPED, RunState.FAILED} else state
