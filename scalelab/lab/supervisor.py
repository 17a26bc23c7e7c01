"""The process that owns a lab: hands runs to workers, keeps what they send, refits, retries, stops.

The only writer of the store, and the only one that says what state a run is in. Must not know torch, nor who is
looking: views hear of events and ticks and can do no harm.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from scalelab.lab import checkpoints
from scalelab.lab.board import Board
from scalelab.lab.crew import PATIENCE_SECONDS, Attempt, Crew
from scalelab.lab.executor import Executor, Job, Slot
from scalelab.lab.fits import Fits
from scalelab.lab.hooks import Guarded
from scalelab.lab.local import last_words
from scalelab.lab.paths import LabPaths
from scalelab.lab.refit import Refit
from scalelab.lab.stopping import Signals, StopNow
from scalelab.records import Evaluation, Message, Outcome, RunKind, RunState, TokenSet
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer

BEAT_SECONDS = 0.1
"""How often messages are taken and written: slow enough to cost nothing, fast enough to be live."""
TICK_SECONDS = 0.25


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
        views: Guarded,
        signals: Signals,
        refit: Refit | None = None,
        checkpoint_seconds: float = 60.0,
        since: float | None = None,
    ) -> None:
        """`since`: when this session took the lab, seconds since the epoch; what was asked before it is stale."""
        self._since = time.time() if since is None else since
        self._paths, self._writer, self._reader, self._tokens = paths, writer, reader, tokens
        self._views, self._signals, self._checkpoint_seconds = views, signals, checkpoint_seconds
        self._crew = Crew(executor)
        self._board = Board(reader.runs(), writer)
        self._fits = Fits(refit or Refit(), self._board, writer, reader, views)
        self._finals: dict[str, float] = {}
        self._stop_deadline: float | None = None
        self._prune = True
        self._ticked = 0.0
        self._store_waits = False

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
            self._ask_to_stop("a signal")
        finally:
            self._end()
        return self._summary(time.monotonic() - began)

    # One session

    def _open(self) -> None:
        with self._writer.batch():
            self._board.saved = checkpoints.on_disk(self._paths, self._board.runs)
            again, done = len(self._board.reopen()), self._board.count(RunState.DONE)
            self._take_requests()
        if again or done:
            self._views.event("resume", f"{done} runs are done and stay so, {again} unfinished ones go on")

    def _beat(self, view_reader: Reader) -> bool:
        """One round; whether there is more to do."""
        with self._writer.batch():
            for attempt, messages, end in self._crew.news():
                self._hear(attempt, messages, end)
            self._fits.take()
            self._take_requests()
            self._follow_signals()
            if not self._stopping:
                self._fill_slots()
        if self._writer.commit():
            self._after_commit()
        self._tell_if_store_waits()
        self._crew.sweep()
        if time.monotonic() - self._ticked >= TICK_SECONDS:
            self._ticked = time.monotonic()
            self._views.tick(view_reader)
        if self._crew.active or (self._writer.waiting and not self._gives_up):
            return True
        return not self._stopping and (bool(self._board.ready()) or self._fits.pending)

    def _after_commit(self) -> None:
        """What may be done only when the store knows all that came before it."""
        if self._prune:
            self._prune = False
            for run, steps in checkpoints.prune(self._paths, self._board.runs).items():
                self._writer.forget_checkpoints(run, steps)
        if not self._stopping:
            self._fits.begin()

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
        return Summary(
            total=total,
            done=done,
            failed=failed,
            diverged=diverged,
            left=total - done - failed - diverged,
            seconds=seconds,
            interrupted=self._stopping,
        )

    # Runs

    def _fill_slots(self) -> None:
        for run, slot in zip(self._board.ready(), self._crew.free_slots(), strict=False):
            self._start(run, slot)
        for run, reason in self._board.unblock().items():
            kind = "failed" if self._board.runs[run].state is RunState.FAILED else "warning"
            self._views.event(kind, f"{run}: {reason}")

    def _start(self, run: str, slot: Slot) -> None:
        spec = self._board.spec(run)
        trunk = checkpoints.folder(self._paths, spec.parent, spec.first_step) if spec.parent else None
        job = Job(
            spec=spec,
            tokens=self._tokens,
            attempt=self._board.begin(run),
            run_dir=self._paths.run_dir(run),
            trunk_checkpoint=trunk,
            checkpoint_seconds=self._checkpoint_seconds,
            resume_before=self._board.resume_before(run),
        )
        try:
            # While nobody trains there is nothing to save, and no reason to wait for imports.
            with self._signals.interruptible(signals=2 if self._crew.active else 1):
                pid = self._crew.start(job, slot).worker.pid
        except (OSError, EOFError) as error:
            self._crash(run, f"no worker could be started: {error}")
            return
        self._views.event("start", f"{run} attempt {job.attempt} on slot {slot.index} ({slot.device}), pid {pid}")

    def _hear(self, attempt: Attempt, messages: list[Message], end: str | None) -> None:
        self._board.heard(messages)
        for message in messages:
            if isinstance(message, Evaluation) and message.final:
                self._finals[message.run] = message.loss
            if isinstance(message, Outcome):
                self._crew.release(attempt)
                self._settle(message)
                return
        if end is not None:
            self._crew.release(attempt)
            if attempt.out_of_memory(end):
                end += f"; next with {self._board.halve(attempt.run)} sequences at a time"
            said = last_words(self._paths.run_dir(attempt.run) / "log.txt")
            self._crash(attempt.run, f"{end}; its log ends: {said}" if said else end)

    def _settle(self, outcome: Outcome) -> None:
        run, reason = outcome.run, outcome.reason
        if outcome.state is RunState.FAILED:
            self._crash(run, reason)
            return
        self._board.change(run, outcome.state, reason)
        self._views.event(str(outcome.state), f"{run} at step {outcome.step}" + (f": {reason}" if reason else ""))
        if outcome.state is RunState.DONE and run in self._finals:
            self._writer.score(run, self._finals[run])
        if outcome.state is not RunState.STOPPED:
            self._point_settled(run)

    def _crash(self, run: str, reason: str) -> None:
        self._look_at_trunk(run)
        if self._stopping:
            self._board.change(run, RunState.STOPPED, f"while stopping: {reason}")
        elif self._board.crashed(run, reason):
            self._views.event("retry", f"{run}: {reason}; it goes on from its last checkpoint")
        else:
            self._views.event("failed", f"{run} after {self._board.attempts[run]} attempts: {reason}")
            self._point_settled(run)

    def _look_at_trunk(self, run: str) -> None:
        """A branch may have died of a damaged checkpoint: then that goes, and the trunk makes it again."""
        spec = self._board.runs[run].spec
        if spec.parent and checkpoints.remove_damaged(self._paths, spec.parent, spec.first_step):
            self._board.lost(spec.parent, spec.first_step)

    def _point_settled(self, run: str) -> None:
        self._prune = True
        if self._board.runs[run].spec.kind is not RunKind.TRUNK:
            self._fits.want(run)

    def _tell_if_store_waits(self) -> None:
        if (self._writer.waiting is not None) != self._store_waits:
            self._store_waits = not self._store_waits
            self._views.event(
                "warning",
                f"the store waits: {self._writer.waiting}; nothing is lost meanwhile"
                if self._store_waits
                else "the store is written again, nothing was lost",
            )

    # Stopping

    @property
    def _stopping(self) -> bool:
        return self._stop_deadline is not None

    @property
    def _gives_up(self) -> bool:
        """Whether a store that takes nothing is waited for no longer: the next session trains again what it lacks."""
        return self._stop_deadline is not None and (self._signals.count > 1 or time.monotonic() > self._stop_deadline)

    def _take_requests(self) -> None:
        for request in self._writer.requests():
            if request.time < self._since:
                self._writer.answer(request.id, "nothing was running")
                continue
            known = request.verb == "stop"
            self._writer.answer(request.id, "stopping" if known else f"unknown request {request.verb}")
            if known:
                self._ask_to_stop("a request")
                self._signals.count += 2 if request.args.get("now") else 0

    def _follow_signals(self) -> None:
        if self._signals.count:
            self._ask_to_stop("a signal")
        if self._gives_up:
            self._crew.kill()

    def _ask_to_stop(self, by: str) -> None:
        if not self._stopping:
            self._stop_deadline = time.monotonic() + PATIENCE_SECONDS
            self._views.event("stop", f"{by}: {len(self._crew.active)} running, each saves a checkpoint")
            self._crew.stop()
