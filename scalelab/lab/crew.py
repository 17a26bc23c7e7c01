"""The workers of one session: who trains on which slot, who is silent, who is leaving. Decides nothing about runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scalelab.lab.executor import Executor, Job, Slot, Worker
from scalelab.lab.oom import kernel_kills
from scalelab.lab.pulse import HANG_SECONDS, OwnClock, Pulse
from scalelab.records import Evaluation, Message, Point, Saved, Usage
from scalelab.units import format_duration

_MOVES = (Point, Evaluation, Saved)
"""Of what a worker tells; its outcome may be that it could not even begin."""
LINGER_SECONDS = 10.0
"""What a worker gets to end after its last word, or after it was asked to because it was silent."""


@dataclass(slots=True, kw_only=True, eq=False)
class Attempt:
    """A worker, and the run it works on."""

    run: str
    number: int
    slot: Slot
    worker: Worker
    kernel_kills: int
    """How many processes the kernel had killed for want of memory when this one began."""
    began: float
    """By our monotonic clock."""
    pulse: Pulse
    moved: bool = False
    """Whether it has told of a step, a measure or a checkpoint."""
    hung: str = ""
    """Why it was asked to end, where it was silent for too long."""
    ends_by: float = 0.0
    """When one that hangs is killed."""
    lost: bool = False
    """Whether not even that ended it."""

    def out_of_memory(self, end: str) -> bool:
        """Whether an end in these words was the kernel's doing: a SIGKILL, and it has killed since the start."""
        return not self.hung and "SIGKILL" in end and kernel_kills() > self.kernel_kills


class Crew:
    """All workers that an executor has started for us."""

    def __init__(self, executor: Executor, *, hang_seconds: float = HANG_SECONDS) -> None:
        self._executor, self._hang_seconds = executor, hang_seconds
        self.active: list[Attempt] = []
        self._leaving: list[tuple[Worker, float]] = []
        self._clock = OwnClock(hang_seconds, time.monotonic())

    def free(self, slots: Iterable[Slot]) -> list[Slot]:
        """Those on which nobody trains."""
        busy = {attempt.slot.index for attempt in self.active}
        return [slot for slot in slots if slot.index not in busy]

    def start(self, job: Job, slot: Slot, *, step_seconds: float = 0.0) -> Attempt:
        """One more worker, of whom so many seconds a step are expected."""
        kills = kernel_kills()
        worker = self._executor.start(job, slot)
        now = time.monotonic()
        attempt = Attempt(
            run=job.spec.run,
            number=job.attempt,
            slot=slot,
            worker=worker,
            kernel_kills=kills,
            began=now,
            pulse=Pulse(least=self._hang_seconds, step_seconds=step_seconds, heard=now),
        )
        self.active.append(attempt)
        return attempt

    def news(self) -> Iterator[tuple[Attempt, list[Message], str | None]]:
        """What each worker sent, and how it ended if it did, with nothing more to come."""
        for attempt in list(self.active):
            beats = attempt.worker.beats
            messages = attempt.worker.messages()
            steps = any(_is_step(message, attempt) for message in messages)
            attempt.moved |= any(_is_step(message, attempt) and isinstance(message, _MOVES) for message in messages)
            if steps or attempt.worker.beats > beats:
                attempt.pulse.beat(time.monotonic())
            end = None if messages else attempt.worker.ended()
            if end is None and attempt.lost and not messages:
                end = "does not end, not even by SIGKILL"
            if messages or end is not None:
                yield attempt, messages, end

    def look(self) -> list[Attempt]:
        """Ask those to end who have been silent for too long, kill those who do not; the newly asked ones."""
        now = time.monotonic()
        away = self._clock.jumped(now)
        return [attempt for attempt in self.active if self._hangs(attempt, now, away)]

    def _hangs(self, attempt: Attempt, now: float, away: bool) -> bool:
        if attempt.hung:
            if away:
                attempt.ends_by = now + LINGER_SECONDS
            elif now > attempt.ends_by + LINGER_SECONDS:
                attempt.lost = True
            elif now > attempt.ends_by:
                attempt.worker.kill()
            return False
        silent = attempt.pulse.silent(now)
        if away or (silent is not None and _suspended(attempt.worker.pid)):
            attempt.pulse.excuse(now)
        elif silent is not None:
            attempt.hung = f"hung: no step for {format_duration(silent)}"
            attempt.ends_by = now + LINGER_SECONDS
            attempt.worker.terminate()
            return True
        return False

    def release(self, attempt: Attempt) -> None:
        """Free the slot of a worker that has said its last word; its process may take a moment to end."""
        self.active.remove(attempt)
        self._leaving.append((attempt.worker, time.monotonic() + LINGER_SECONDS))

    def stop(self) -> None:
        """Ask everyone for a checkpoint and an end."""
        for attempt in self.active:
            attempt.worker.stop()

    def hold(self, *, on: bool) -> None:
        """Have everyone take no step, or go on."""
        for attempt in self.active:
            attempt.worker.hold(on=on)

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


def _is_step(message: Message, attempt: Attempt) -> bool:
    """Whether a worker has moved: its usage is told by a thread that lives on while its steps stand still, and what a
    checkpoint tells again was an earlier attempt's.
    """
    return not isinstance(message, Usage) and message.attempt == attempt.number


def _suspended(pid: int) -> bool:
    """Whether somebody has stopped this process: then it is for them to let it go on."""
    import psutil

    try:
        return psutil.Process(pid).status() in {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP}
    except (psutil.Error, ValueError):
        return False
