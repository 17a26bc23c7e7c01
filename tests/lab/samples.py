"""Plans and executors for the lab's tests: no process, no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scalelab.errors import ScalelabError
from scalelab.lab.executor import Job, Slot
from scalelab.records import Decay, Evaluation, Message, Outcome, Point, RunKind, RunSpec, RunState, Saved, Schedule
from tests.store.samples import spec


def schedule(n_steps: int) -> Schedule:
    return Schedule(peak=0.01, warmup_steps=2, decay=Decay.CONSTANT, decay_start=n_steps, n_steps=n_steps)


def family(rung: str = "16x1", steps: Sequence[int] = (10, 20)) -> list[RunSpec]:
    """A trunk and a branch for each step."""
    trunk = spec(f"{rung}-trunk-s0", RunKind.TRUNK, rung=rung, schedule=schedule(max(steps)), branch_steps=tuple(steps))
    branches = [
        spec(
            f"{rung}-D{step}-s0",
            RunKind.BRANCH,
            rung=rung,
            parent=trunk.run,
            first_step=step,
            schedule=schedule(step + 5),
        )
        for step in steps
    ]
    return [trunk, *branches]


def whole(job: Job, loss: float = 3.0) -> list[Message]:
    """What a worker sends in an undisturbed attempt."""
    one, run = job.spec, job.spec.run
    sent: list[Message] = [
        Point(
            run=run,
            attempt=job.attempt,
            step=step,
            n_tokens=64 * step,
            loss=loss,
            lr=0.01,
            grad_norm=1.0,
            tokens_per_second=1e4,
            seconds=0.1,
        )
        for step in range(one.first_step + 1, one.n_steps + 1)
    ]
    sent += [Saved(run=run, attempt=job.attempt, step=step, path="", for_branch=True) for step in one.branch_steps]
    if one.kind is not RunKind.TRUNK:
        sent.append(
            Evaluation(
                run=run,
                attempt=job.attempt,
                step=one.n_steps,
                n_tokens=one.n_tokens,
                flops=one.flops,
                loss=loss - one.n_steps / 100,
                loss_se=0.01,
                accuracy=0.3,
                bits_per_byte=1.0,
                evaluated_tokens=1024,
                final=True,
            )
        )
    return [*sent, ended(job, RunState.DONE)]


def ended(job: Job, state: RunState, reason: str = "", lost: str = "") -> Outcome:
    return Outcome(run=job.spec.run, attempt=job.attempt, state=state, step=job.spec.n_steps, reason=reason, lost=lost)


@dataclass
class FakeWorker:
    """Sends what it was given, one message a call, then ends."""

    job: Job
    script: list[Message]
    dies: str | None = None
    """How the process ends after its last message without an outcome."""
    stopped: bool = False
    killed: bool = False
    closed: bool = False
    held: bool = False
    pid: int = 0
    beats: int = 0
    terminated: bool = False

    def messages(self) -> list[Message]:
        if self.stopped and self.script:
            self.script = []
            return [ended(self.job, RunState.STOPPED)]
        return [self.script.pop(0)] if self.script and not self.killed else []

    def ended(self) -> str | None:
        return self.dies or "ended" if not self.script or self.killed else None

    def stop(self) -> None:
        self.stopped = True

    def terminate(self) -> None:
        self.terminated = True

    def hold(self, *, on: bool) -> None:
        self.held = on

    def kill(self) -> None:
        self.killed = True

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeExecutor:
    """Several slots; what a worker does is up to `play`."""

    play: Callable[[Job], list[Message] | str | tuple[list[Message], str]] = whole
    n_slots: int = 2
    started: list[FakeWorker] = field(default_factory=list)
    beats: int = 0
    on_beat: Callable[[FakeExecutor], None] | None = None
    devices: Sequence[str] = ("cpu",)
    """Of the slots, in turn."""
    answers: Callable[[str], bool] = lambda device: True
    """Whether a device does what a worker of its own is asked to do there."""
    places: list[tuple[str, str]] = field(default_factory=list)
    """Which run was started on which device."""

    @property
    def slots(self) -> Sequence[Slot]:
        return [Slot(index=index, device=self.devices[index % len(self.devices)]) for index in range(self.n_slots)]

    def start(self, job: Job, slot: Slot) -> FakeWorker:
        self.places.append((job.spec.run, slot.device))
        played = self.play(job)
        script, dies = (
            played if isinstance(played, tuple) else ([], played) if isinstance(played, str) else (played, None)
        )
        for message in script:
            if isinstance(message, Saved):
                folder = job.run_dir / "checkpoint" / f"{message.step:010d}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / "state.safetensors").write_bytes(b"state")
                (folder / "manifest.json").write_text(manifest_of(b"state"))
        self.started.append(FakeWorker(job, list(script), dies))
        return self.started[-1]

    def wait(self, workers: Sequence[object], others: Sequence[object], timeout: float) -> None:
        from multiprocessing.connection import wait

        self.beats += 1
        if self.on_beat:
            self.on_beat(self)
        assert self.beats < 20_000, "the supervisor does not come to an end"
        if others and not workers:
            wait(others, timeout)  # type: ignore[arg-type]

    def ask(self, task: str, values: dict[str, Any], *, timeout: float = 300.0, outlast: bool = False) -> Any:
        if not self.answers(values["device"]):
            raise ScalelabError(f"the {task} ended without an answer")
        return 64.0

    def close(self) -> None:
        pass

    @property
    def order(self) -> list[str]:
        return [worker.job.spec.run for worker in self.started]


def manifest_of(state: bytes) -> str:
    """Of a checkpoint with this state, signed as real ones are."""
    manifest = {"sha256": hashlib.sha256(state).hexdigest(), "own_sha256": ""}
    return json.dumps(
        manifest | {"own_sha256": hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()}
    )
