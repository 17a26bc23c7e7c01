"""Where every run stands, in memory and in the store at once; the only place where a state changes.

The rules of states: a run that died is never done, a NaN is never tried again, a crash is tried again at most twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from scalelab.lab import schedule
from scalelab.lab.schedule import SavedStep, Standing
from scalelab.records import Message, Notice, NoticeKind, RunKind, RunSpec, RunState, Saved, Usage
from scalelab.store.rows import RunRow
from scalelab.store.writer import Writer

RETRIES = 2
"""Further attempts at a run that crashed, in one session of the supervisor."""


class Board:
    """The standings of a lab's runs."""

    def __init__(self, rows: Iterable[RunRow], writer: Writer) -> None:
        self._writer = writer
        self.runs: dict[str, Standing] = {}
        self.attempts: dict[str, int] = {}
        self.crashes: Counter[str] = Counter()
        self.only: frozenset[str] | None = None
        """The runs that this session is for; None where it is for all."""
        self.saved: set[SavedStep] = set()
        """Branch points whose checkpoints are whole on disk."""
        self._remade: set[SavedStep] = set()
        for row in rows:
            self.runs[row.run] = Standing(
                spec=row.spec, state=row.state, expected_seconds=row.expected_seconds, step=row.step
            )
            self.attempts[row.run] = row.attempt

    def reopen(self) -> list[str]:
        """Put every run that an earlier session left unfinished back into the plan; their names."""
        found = []
        for name, run in self.runs.items():
            if run.state is RunState.RUNNING:
                self.change(name, RunState.FAILED, "its supervisor ended without a word")
            elif run.state not in {RunState.STOPPED, RunState.FAILED}:
                continue
            if not self._waits_for_diverged(run):
                self.change(name, RunState.PLANNED, "goes on in a new session")
                found.append(name)
        return found

    def reopen_nothing(self) -> None:
        """Only say of runs that an earlier session left running that they do not run."""
        for name in [name for name, run in self.runs.items() if run.state is RunState.RUNNING]:
            self.change(name, RunState.FAILED, "its supervisor ended without a word")

    def heard(self, messages: Iterable[Message]) -> None:
        """Keep what a worker sent; its Outcome is judged elsewhere."""
        kept = list(messages)
        self._writer.write(kept)
        for message in kept:
            if isinstance(message, Usage):
                continue
            run = self.runs[message.run]
            if message.step > run.step:
                self.runs[message.run] = replace(run, step=message.step)
            if isinstance(message, Saved) and message.for_branch:
                self.saved.add((message.run, message.step))

    def begin(self, name: str) -> int:
        """A new attempt; its number."""
        self.attempts[name] += 1
        self.change(name, RunState.RUNNING)
        return self.attempts[name]

    def withdraw(self, name: str, reason: str) -> None:
        """An attempt that could not begin does not count."""
        self.attempts[name] -= 1
        self.change(name, RunState.PLANNED, reason)

    def noticed(self, notice: Notice) -> None:
        """Keep what a worker says of itself: that it waits, that it goes on, that its numbers are not exact."""
        name = notice.run
        if notice.kind is NoticeKind.PAUSED:
            self.change(name, RunState.RUNNING, f"paused: {notice.text}")
        elif notice.kind is NoticeKind.GOES_ON:
            self.change(name, RunState.RUNNING, notice.text)
        elif notice.kind is NoticeKind.NOT_EXACT:
            self._writer.set_not_exact(name, notice.text)
            for run in self.runs.values():
                if run.spec.parent == name and run.state is not RunState.DONE and self._takes(run.spec, notice.step):
                    self._writer.set_not_exact(run.spec.run, f"its trunk is not: {notice.text}")

    def _takes(self, branch: RunSpec, step: int) -> bool:
        """Whether a branch starts from what its trunk became after a step, and not from what is there already."""
        return branch.first_step > step and (branch.parent or "", branch.first_step) not in self.saved

    def change(self, name: str, state: RunState, reason: str = "") -> None:
        """A run's new state."""
        self.runs[name] = replace(self.runs[name], state=state)
        self._writer.set_state(name, self.attempts[name], state, reason)

    def crashed(self, name: str, reason: str, *, for_good: bool = False) -> bool:
        """A run died, or ended with an error; whether it is tried again."""
        self.crashes[name] += 1
        self.change(name, RunState.FAILED, reason)
        again = self.crashes[name] <= RETRIES and not for_good
        if again:
            self.change(name, RunState.PLANNED, f"retry {self.crashes[name]} of {RETRIES}, from its last checkpoint")
        return again

    def displaced(self, name: str, reason: str, device: str, *, there: bool) -> None:
        """A run's device is gone: it waits for another one, which need not be `there`."""
        self.change(name, RunState.FAILED, reason)
        waits = "goes on on another device" if there else "waits for a device"
        self.change(name, RunState.PLANNED, f"{waits}: {device} was lost")

    def starved(self, name: str, reason: str) -> int | None:
        """A run died for want of memory: it goes on with half as many sequences at a time at the same tokens a step,
        now and in later sessions. How many; None where there were no two.
        """
        spec = self.runs[name].spec
        if spec.micro_sequences < 2:
            return None
        smaller = replace(spec, micro_sequences=spec.micro_sequences // 2)
        self.respecify(smaller)
        self.change(name, RunState.FAILED, reason)
        self.change(
            name,
            RunState.PLANNED,
            f"goes on with {smaller.micro_sequences} sequences at a time instead of {spec.micro_sequences}",
        )
        return smaller.micro_sequences

    def respecify(self, spec: RunSpec) -> None:
        """From its next attempt on a run is what this says."""
        self.runs[spec.run] = replace(self.runs[spec.run], spec=spec)
        self._writer.set_spec(spec)

    def again(self, name: str, *, reason: str = "asked for again") -> None:
        """Put a run that ended badly back into the plan, with all its retries."""
        self.crashes[name] = 0
        self._include(name)
        self.change(name, RunState.PLANNED, reason)

    def _include(self, name: str) -> None:
        if self.only is not None:
            self.only |= {name}

    def rewind(self, name: str) -> None:
        """Forget how far a run has come: it starts anew."""
        self.runs[name] = replace(self.runs[name], step=self.runs[name].spec.first_step)

    def unblock(self) -> dict[str, str]:
        """Have a trunk make a lost checkpoint again, once; give up branches that nothing can help: names and why."""
        found = {}
        for name, reason in schedule.blocked(self.runs, self.saved).items():
            trunk, step = self.runs[name].spec.parent or "", self.runs[name].spec.first_step
            if self.only is not None and name not in self.only:
                continue
            if self.runs[trunk].state is RunState.DONE and (trunk, step) not in self._remade:
                self._remade.add((trunk, step))
                reason = f"its checkpoint at step {step} is gone: trains again from the one before"
                self._include(trunk)
                self.change(trunk, RunState.PLANNED, reason)
                found[trunk] = reason
            elif self.runs[trunk].state in schedule.ENDED:
                self.change(name, RunState.FAILED, reason)
                found[name] = reason
        return found

    def lost(self, trunk: str, step: int) -> None:
        """A branch point's checkpoint turned out to be damaged."""
        self.saved.discard((trunk, step))

    def resume_before(self, name: str) -> int | None:
        """The first step that a trunk must pass again, because a branch that needs its checkpoint has none."""
        missing = [
            run.spec.first_step
            for run in self.runs.values()
            if run.spec.parent == name
            and run.state not in {RunState.DONE, RunState.DIVERGED}
            and (name, run.spec.first_step) not in self.saved
        ]
        return min(missing, default=None)

    def ready(self) -> list[str]:
        """Runs that may start, the most urgent first."""
        found = schedule.ready(self.runs, self.saved)
        return found if self.only is None else [name for name in found if name in self.only]

    def count(self, state: RunState) -> int:
        """How many runs stand there."""
        return sum(run.state is state for run in self.runs.values())

    def points_to_come(self) -> list[RunSpec]:
        """Runs whose end will be a point of a fit and has not been reached."""
        return [
            run.spec
            for run in self.runs.values()
            if run.spec.kind is not RunKind.TRUNK and run.state in {RunState.PLANNED, RunState.RUNNING}
        ]

    def _waits_for_diverged(self, run: Standing) -> bool:
        trunk = self.runs.get(run.spec.parent or "")
        return (
            trunk is not None
            and trunk.state is RunState.DIVERGED
            and (trunk.spec.run, run.spec.first_step) not in self.saved
        )
