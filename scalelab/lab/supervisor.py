"""The process that owns a lab: hands runs to workers, keeps what they send, refits, stops when asked.

The only writer of the store. What becomes of attempts is judged in `outcomes`, what readers ask is taken at the
`desk`. Must not know torch, nor who is looking: views hear of events and ticks and can do no harm.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scalelab.lab import checkpoints
from scalelab.lab.board import Board
from scalelab.lab.crew import Attempt, Crew
from scalelab.lab.desk import Desk, needed_and_blocked
from scalelab.lab.ending import Ending, Way
from scalelab.lab.executor import Executor, Job, Slot
from scalelab.lab.fits import Fits
from scalelab.lab.hooks import Guarded
from scalelab.lab.outcomes import Outcomes
from scalelab.lab.paths import LabPaths
from scalelab.lab.pool import Pool, in_words
from scalelab.lab.pulse import HANG_SECONDS
from scalelab.lab.refit import Refit
from scalelab.lab.schedule import Standing
from scalelab.lab.stopping import Signals, StopNow
from scalelab.lab.waiting import Waiting
from scalelab.records import DeviceInfo, Message, Notice, NoticeKind, RunState, TokenSet
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer

BEAT_SECONDS = 0.1
"""How often messages are taken and written: slow enough to cost nothing, fast enough to be live."""
TICK_SECONDS = 0.25
PROBLEM = "session_problem"
"""A fact in the store: why the last session ended before its work did; "" where nobody but a person ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a session ended."""

    total: int
    done: int
    failed: int
    diverged: int
    left: int
    """Runs that a later session goes on with."""
    seconds: float
    interrupted: bool
    problem: str = ""
    """Why it ended before its work did, where no person ended it."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


class Supervisor:
    """One session of training a lab; `run` returns when nothing is left to do, or when it was stopped."""

    def __init__(
        self,
        paths: LabPaths,
        writer: Writer,
        reader: Reader,
        executor: Executor,
        tokens: TokenSet,
        *,
        groups: Mapping[str, TokenSet] | None = None,
        views: Guarded,
        signals: Signals,
        refit: Refit | None = None,
        checkpoint_seconds: float = 60.0,
        hang_seconds: float = HANG_SECONDS,
        since: float | None = None,
        device: DeviceInfo | None = None,
        spares: Sequence[DeviceInfo] = (),
        only: Iterable[str] = (),
        rate: float | None = None,
    ) -> None:
        """Make ready for a session.

        Parameters
        ----------
        groups : the tokens of further groups, by name; `tokens` are those of all other runs.
        hang_seconds : the least silence of a worker that is called a hang.
        since : when this session took the lab, seconds since the epoch; what was asked before it is stale.
        spares : the devices on which the lab may go on without its own, the best one first.
        only : runs that are asked for again, with what they need; nothing else is trained. All where there are none.
        rate : a share of the learning rate of those.
        """
        self._paths, self._writer, self._tokens = paths, writer, tokens
        self._groups = groups or {}
        self._views, self._signals, self._checkpoint_seconds = views, signals, checkpoint_seconds
        self._crew = Crew(executor, hang_seconds=hang_seconds)
        self._board = Board(reader.runs(), writer)
        self._fits = Fits(refit or Refit(), self._board, writer, reader, views)
        self._ending = Ending(signals, writer)
        self._pool = Pool(executor, spares, writer, views)
        self._outcomes = Outcomes(paths, self._board, writer, views, self._fits, self._ending, self._pool, device)
        since = time.time() if since is None else since
        self._desk = Desk(paths, self._board, writer, self._ending, since=since, stop=self._ask_to_stop)
        self._only, self._rate, self._problem = tuple(only), rate, ""
        self._ticked = 0.0
        self._waiting = Waiting(writer, self._crew, views, paths.lock)

    def run(self) -> Summary:
        """Train what is left to train."""
        began = time.monotonic()
        try:
            with Reader(self._paths.store) as view_reader:
                self._open()
                if self._beat(view_reader):
                    self._fits.warm()
                while self._beat(view_reader):
                    self._crew.wait(self._fits.pipes, BEAT_SECONDS)
                self._views.tick(view_reader)
        except StopNow:
            self._ask_to_stop(Way.SAVING, "a signal")
        finally:
            self._end()
        return self._summary(time.monotonic() - began)

    # One session

    def _open(self) -> None:
        with self._writer.batch():
            self._ending.begin()
            self._pool.begin()
            self._writer.set_meta(PROBLEM, "")
            self._board.saved = checkpoints.on_disk(self._paths, self._board.runs)
            again = self._reopen()
            self._desk.take()
            self._fits.catch_up()
        done = self._board.count(RunState.DONE)
        if again or done:
            self._views.event("resume", f"{done} runs are done and stay so, {again} unfinished ones go on")

    def _reopen(self) -> int:
        """How many runs that were begun go on."""
        if not self._only:
            return len(self._board.reopen())
        self._board.reopen_nothing()
        names = [each for name in self._only for each in needed_and_blocked(self._board, name)]
        self._board.only = frozenset(names)
        self._desk.retry(self._only, self._rate)
        return len(names)

    def _beat(self, view_reader: Reader) -> bool:
        """One round; whether there is more to do."""
        with self._writer.batch():
            for attempt, messages, end in self._crew.news():
                self._hear(attempt, messages, end)
            self._pool.follow()
            self._fits.take()
            self._desk.take()
            self._follow_signals()
            if self._waiting.starts and not self._ending.starts_nothing and not self._problem:
                self._fill_slots()
        if self._writer.commit():
            self._after_commit()
        self._waiting.follow(self._without_device())
        self._look_after_the_crew()
        if time.monotonic() - self._ticked >= TICK_SECONDS:
            self._ticked = time.monotonic()
            self._views.tick(view_reader)
        return self._more_to_do()

    def _more_to_do(self) -> bool:
        if self._crew.active or (self._writer.waiting and not self._ending.gives_up):
            return True
        if self._ending.stops:
            return False
        return self._fits.pending or not (self._ending.starts_nothing or self._problem or not self._board.ready())

    def _after_commit(self) -> None:
        """What may be done only when the store knows all that came before it."""
        if self._outcomes.settled:
            self._outcomes.settled = False
            for run, steps in checkpoints.prune(self._paths, self._board.runs).items():
                self._writer.forget_checkpoints(run, steps)
        if not self._ending.stops:
            self._fits.begin()

    def _look_after_the_crew(self) -> None:
        self._crew.sweep()
        for attempt in self._crew.look():
            self._views.event("warning", f"{attempt.run}: {attempt.hung}; its worker is ended")
        if not self._problem and (loop := self._outcomes.loop.found):
            self._problem = f"crash loop: {loop}: {self._outcomes.loop.reason}"
            self._writer.set_meta(PROBLEM, self._problem)
            self._views.event("failed", f"{self._problem}; nothing else is started")

    def _without_device(self) -> str:
        """Why no run can be started for want of a device; empty where one could."""
        return "" if self._pool.slots else f"no device is left: {in_words(self._pool.aside)}"

    def _end(self) -> None:
        """Leave nothing behind that still runs, and no run that claims to."""
        self._fits.close()
        try:
            with self._writer.batch():
                for _, messages, _ in self._crew.news():
                    self._board.heard(messages)
                for name in [name for name, run in self._board.runs.items() if run.state is RunState.RUNNING]:
                    self._board.change(name, RunState.STOPPED, "stopped at once; goes on from its last checkpoint")
        finally:
            self._crew.close()

    def _summary(self, seconds: float) -> Summary:
        done, failed, diverged = (self._board.count(s) for s in (RunState.DONE, RunState.FAILED, RunState.DIVERGED))
        total = len(self._board.runs)
        left = total - done - failed - diverged
        return Summary(
            total=total,
            done=done,
            failed=failed,
            diverged=diverged,
            left=left,
            seconds=seconds,
            # Who asks for an end after the current runs may find that they were the last.
            interrupted=self._ending.stops or (self._ending.starts_nothing and left > 0),
            problem=self._problem,
        )

    # Runs

    def _fill_slots(self) -> None:
        for run, slot in zip(self._board.ready(), self._crew.free(self._pool.slots), strict=False):
            if self._waiting.starts:
                self._start(run, slot)
        for run, reason in self._board.unblock().items():
            kind = "failed" if self._board.runs[run].state is RunState.FAILED else "warning"
            self._views.event(kind, f"{run}: {reason}")

    def _start(self, run: str, slot: Slot) -> None:
        standing = self._board.runs[run]
        spec = standing.spec
        job = Job(
            spec=spec,
            tokens=self._groups.get(spec.group, self._tokens),
            attempt=self._board.begin(run),
            run_dir=self._paths.run_dir(run),
            trunk_checkpoint=checkpoints.folder(self._paths, spec.parent, spec.first_step) if spec.parent else None,
            checkpoint_seconds=self._checkpoint_seconds,
            resume_before=self._board.resume_before(run),
        )
        try:
            # While nobody trains there is nothing to save, and no reason to wait for imports.
            with self._signals.interruptible(signals=2 if self._crew.active else 1):
                pid = self._crew.start(job, slot, step_seconds=_slowest_step(standing)).worker.pid
        except (OSError, EOFError) as error:
            if self._waiting.cannot_start(error):
                self._board.withdraw(run, f"no worker could be started: {error}")
            else:
                self._outcomes.not_started(run, f"no worker could be started: {error}")
            return
        self._waiting.started()
        if why := self._pool.not_exact(run, slot):
            said = Notice(run=run, attempt=job.attempt, step=spec.first_step, kind=NoticeKind.NOT_EXACT, text=why)
            self._board.noticed(said)
        self._views.event("start", f"{run} attempt {job.attempt} on slot {slot.index} ({slot.device}), pid {pid}")

    def _hear(self, attempt: Attempt, messages: list[Message], end: str | None) -> None:
        outcome = self._outcomes.heard(attempt, messages)
        if outcome is not None:
            self._crew.release(attempt)
            self._outcomes.told(attempt, outcome)
        elif end is not None:
            self._crew.release(attempt)
            self._outcomes.died(attempt, end)

    # Stopping

    def _follow_signals(self) -> None:
        way = self._ending.signalled()
        if way is not None:
            self._ask_to_stop(way, "a signal")
        if self._ending.gives_up:
            self._crew.kill()

    def _ask_to_stop(self, way: Way, by: str) -> None:
        asked_before = self._ending.stops
        if not self._ending.ask(way):
            return
        running = len(self._crew.active)
        ends = {Way.AFTER_CURRENT: "each ends as planned", Way.SAVING: "each saves a checkpoint", Way.NOW: "each ends"}
        self._views.event("stop", f"{by}: {running} running, {ends[way]}, and no other starts")
        if self._ending.stops and not asked_before:
            self._crew.stop()


def _slowest_step(run: Standing) -> float:
    """Seconds that the plan expects between two signs of life: a step, with the evaluation that may follow it."""
    steps = max(run.spec.n_steps - run.spec.first_step, 1)
    return run.expected_seconds / steps * (1.0 + run.spec.evaluation_tokens / run.spec.batch_tokens)
