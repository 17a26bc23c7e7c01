"""The workers of one session: who trains on which slot, and who is on the way out. Decides nothing about runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scalelab.lab.executor import Executor, Job, Slot, Worker
from scalelab.lab.oom import kernel_kills
from scalelab.records import Message

PATIENCE_SECONDS = 10.0
"""What a worker gets to save its checkpoint when asked to stop, or to end after its last word."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A worker, and the run it works on."""

    run: str
    number: int
    slot: Slot
    worker: Worker
    kernel_kills: int
    """How many processes the kernel had killed for want of memory when this one began."""

    def out_of_memory(self, end: str) -> bool:
        """Whether an end in these words was the kernel's doing: a SIGKILL, and it has killed since the start."""
        return "SIGKILL" in end and kernel_kills() > self.kernel_kills


class Crew:
    """All workers that an executor has started for us."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.active: list[Attempt] = []
        self._leaving: list[tuple[Worker, float]] = []

    def free_slots(self) -> list[Slot]:
        """Slots on which nobody trains."""
        busy = {attempt.slot.index for attempt in self.active}
        return [slot for slot in self._executor.slots if slot.index not in busy]

    def start(self, job: Job, slot: Slot) -> Attempt:
        """One more worker."""
        attempt = Attempt(job.spec.run, job.attempt, slot, self._executor.start(job, slot), kernel_kills())
        self.active.append(attempt)
        return attempt

    def news(self) -> Iterator[tuple[Attempt, list[Message], str | None]]:
        """What each worker sent, and how it ended if it did, with nothing more to come."""
        for attempt in list(self.active):
            messages = attempt.worker.messages()
            end = None if messages else attempt.worker.ended()
            if messages or end is not None:
                yield attempt, messages, end

    def release(self, attempt: Attempt) -> None:
        """Free the slot of a worker that has said its last word; its process may take a moment to end."""
        self.active.remove(attempt)
        self._leaving.append((attempt.worker, time.monotonic() + PATIENCE_SECONDS))

    def stop(self) -> None:
        """Ask everyone for a checkpoint and an end."""
        for attempt in self.active:
            attempt.worker.stop()

    def kill(self) -> None:
        """End everyone now."""
        for attempt in self.active:
            attempt.worker.kill()

    def wait(self, others: Sequence[object], seconds: float) -> None:
        """Return when a worker has ended, one of the other pipes is ready, or the time is over."""
        workers = [*(attempt.worker for attempt in self.active), *(worker for worker, _ in self._leaving)]
        self._executor.wait(workers, others, seconds)

    def sweep(self) -> None:
        """Let go of those who have left; who lingers is killed."""
        now = time.monotonic()
        for worker, deadline in list(self._leaving):
            worker.messages()
            if worker.ended() is not None or now > deadline:
                worker.close()
                self._leaving.remove((worker, deadline))

    def close(self) -> None:
        """Leave nobody behind."""
        for worker in [*(attempt.worker for attempt in self.active), *(worker for worker, _ in self._leaving)]:
            worker.close()
        self.active.clear()
        self._leaving.clear()
