"""Which run next: pure functions of where every run stands; knows no process and no clock.

The longest chain of work goes first, so that the largest rung is never last on one slot with the others idle. A branch
may start as soon as its trunk's checkpoint at the branch step is whole on disk, while the trunk goes on.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scalelab.records import RunKind, RunSpec, RunState

ENDED = frozenset({RunState.DONE, RunState.FAILED, RunState.DIVERGED, RunState.STOPPED})
SavedStep = tuple[str, int]
"""A run and a step of it whose checkpoint is whole on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a run stands, as far as the order of work is concerned."""

    spec: RunSpec
    state: RunState
    expected_seconds: float
    step: int
    """Finished steps."""

    @property
    def seconds_left(self) -> float:
        """Of the run's own work."""
        own = self.spec.n_steps - self.spec.first_step
        if self.state in ENDED or own <= 0:
            return 0.0
        return self.expected_seconds * (1.0 - min(max(self.step - self.spec.first_step, 0) / own, 1.0))

    def seconds_to(self, step: int) -> float:
        """Until the run has reached a step."""
        own = self.spec.n_steps - self.spec.first_step
        if own <= 0:
            return 0.0
        return self.expected_seconds * max(step - max(self.step, self.spec.first_step), 0) / own


def ready(runs: Mapping[str, Standing], saved: Iterable[SavedStep]) -> list[str]:
    """The runs that may start now, the one with the longest chain of work behind it first."""
    there = frozenset(saved)
    startable = [name for name, run in runs.items() if run.state is RunState.PLANNED and _startable(run.spec, there)]
    chains = {name: chain_seconds(name, runs) for name in startable}
    return sorted(startable, key=lambda name: -chains[name])


def blocked(runs: Mapping[str, Standing], saved: Iterable[SavedStep]) -> dict[str, str]:
    """Branches that can never start, because their trunk ended before their step, and the reason in words."""
    there = frozenset(saved)
    found = {}
    for name, run in runs.items():
        trunk = runs.get(run.spec.parent or "")
        if trunk is None or run.state is not RunState.PLANNED or _startable(run.spec, there):
            continue
        if trunk.state in ENDED and trunk.state is not RunState.STOPPED:
            found[name] = (
                f"its trunk {trunk.spec.run} is {trunk.state}, without a checkpoint at step {run.spec.first_step}"
            )
    return found


def chain_seconds(name: str, runs: Mapping[str, Standing]) -> float:
    """The longest chain of work that begins with this run: its own, or its way to a branch and that branch."""
    run = runs[name]
    branches = [other for other in runs.values() if other.spec.parent == name]
    return max([run.seconds_left, *(run.seconds_to(other.spec.first_step) + other.seconds_left for other in branches)])


def time_left(runs: Mapping[str, Standing], saved: Iterable[SavedStep], slots: int) -> float:
    """Seconds until everything is trained on so many slots, by playing the order above forward."""
    free = [0.0] * max(slots, 1)
    opens: dict[str, float] = {}
    there = frozenset(saved)
    todo = [name for name, run in runs.items() if run.state not in ENDED]
    running_first = sorted(
        todo,
        key=lambda name: (
            runs[name].state is not RunState.RUNNING,
            runs[name].spec.kind is RunKind.BRANCH,
            -chain_seconds(name, runs),
        ),
    )
    for name in running_first:
        run = runs[name]
        start = heapq.heappop(free)
        if run.spec.parent and (run.spec.parent, run.spec.first_step) not in there:
            start = max(
                start,
                opens.get(run.spec.parent, 0.0)
                + (runs[run.spec.parent].seconds_to(run.spec.first_step) if run.spec.parent in runs else 0.0),
            )
        opens[name] = start
        heapq.heappush(free, start + run.seconds_left)
    return max(free)


def _startable(spec: RunSpec, saved: frozenset[SavedStep]) -> bool:
    return spec.parent is None or (spec.parent, spec.first_step) in saved
