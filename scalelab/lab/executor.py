"""Where workers run: a small interface, so that the supervisor need not know processes (nor, later, clusters)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from scalelab.records import DeviceInfo, Message, RunSpec, TokenSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place where one run trains at a time: a core of a CPU, or a share of a GPU."""

    index: int
    device: str
    """"cpu", "cuda:0", "mps"."""
    threads: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One attempt at one run, as a worker needs it."""

    spec: RunSpec
    tokens: TokenSet
    attempt: int
    run_dir: Path
    trunk_checkpoint: Path | None
    """Where a branch begins when it has no checkpoint of its own yet."""
    resume_before: int | None = None
    """Go on only from a checkpoint before this step: a trunk's, that must be made again."""
    checkpoint_seconds: float = 60.0


class Worker(Protocol):
    """One attempt, running."""

    @property
    def pid(self) -> int:
        """The process, for people and logs."""

    @property
    def beats(self) -> int:
        """Signs of life that its loop has given, as of the last call of `messages`."""

    def messages(self) -> list[Message]:
        """What has arrived since the last call; never waits."""

    def ended(self) -> str | None:
        """How the process ended, in words, once it has and all its messages were taken; None before."""

    def stop(self) -> None:
        """Ask for a checkpoint and an end."""

    def hold(self, *, on: bool) -> None:
        """Have it take no step, or go on."""

    def terminate(self) -> None:
        """Ask the same by a signal, which reaches one that no longer reads."""

    def kill(self) -> None:
        """End it now."""

    def close(self) -> None:
        """Let go of what belongs to it; a process that still lives is killed."""


class Executor(Protocol):
    """Starts workers on slots."""

    @property
    def slots(self) -> Sequence[Slot]:
        """All places, busy or not."""

    def start(self, job: Job, slot: Slot) -> Worker:
        """Begin an attempt."""

    def wait(self, workers: Sequence[Worker], others: Sequence[object], timeout: float) -> None:
        """Return when a worker has ended, when another pipe is ready, or at the timeout."""

    def ask(self, task: str, values: dict[str, Any], *, timeout: float = 300.0, outlast: bool = False) -> Any:
        """What a worker of its own answers to one question, from any thread; ScalelabError where it does not. With
        `outlast` either comes only when that worker is no more, however long it outlives the timeout and SIGKILL.
        """

    def close(self) -> None:
        """End everything that was started."""


def slots_of(device: DeviceInfo, *, first: int = 0) -> tuple[Slot, ...]:
    """The slots of a device, numbered from `first`; those of several cards go round the cards in turn."""
    return tuple(Slot(index=first + index, device=device.slot_device(index)) for index in range(device.slots))
