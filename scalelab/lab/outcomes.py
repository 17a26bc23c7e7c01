"""What becomes of an attempt that has ended: done, tried again, or failed with a reason that tells a person what to do.

The rules: a crash is tried again twice from the last checkpoint, a NaN never; who ran out of memory goes on with half
as much at a time; who hangs was ended by the crew and counts as crashed; who lost its device moves to another one.
Must not know how workers are started.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scalelab.lab import checkpoints, oom
from scalelab.lab.board import Board
from scalelab.lab.crew import Attempt
from scalelab.lab.ending import Ending
from scalelab.lab.fits import Fits
from scalelab.lab.hooks import Guarded
from scalelab.lab.loops import CrashLoop
from scalelab.lab.paths import LabPaths
from scalelab.lab.pool import Pool
from scalelab.lab.worker_log import why_it_died
from scalelab.records import Evaluation, Message, Notice, NoticeKind, Outcome, RunKind, RunState
from scalelab.store.writer import Writer

if TYPE_CHECKING:
    from scalelab.records import DeviceInfo


class Outcomes:
    """The judge of a session's attempts."""

    def __init__(
        self,
        paths: LabPaths,
        board: Board,
        writer: Writer,
        views: Guarded,
        fits: Fits,
        ending: Ending,
        pool: Pool,
        device: DeviceInfo | None,
    ) -> None:
        self._paths, self._board, self._writer, self._views = paths, board, writer, views
        self._fits, self._ending, self._pool, self._device = fits, ending, pool, device
        self._finals: dict[str, float] = {}
        self.loop = CrashLoop()
        self.settled = True
        """Whether a run has ended for good since this was last set to False: its checkpoints may go."""

    def heard(self, attempt: Attempt, messages: list[Message]) -> Outcome | None:
        """Keep what was sent; the outcome, if the attempt has told it."""
        self._board.heard(messages)
        if attempt.moved:
            self.loop.moved()
        for message in messages:
            if isinstance(message, Evaluation) and message.final:
                self._finals[message.run] = message.loss
            if isinstance(message, Notice):
                self._board.noticed(message)
                kind = "resume" if message.kind is NoticeKind.GOES_ON else "warning"
                said = "" if message.kind is NoticeKind.WARNING else f"{message.kind}: "
                self._views.event(kind, f"{message.run} at step {message.step}: {said}{message.text}")
        return next((message for message in messages if isinstance(message, Outcome)), None)

    def told(self, attempt: Attempt, outcome: Outcome) -> None:
        """An attempt has ended as it says itself."""
        run, reason = outcome.run, outcome.reason
        if outcome.lost and self._pool.lost(run, outcome.lost, reason):
            self._move(attempt, reason)
        elif outcome.lost:
            self._crash(run, f"{reason}; the devices that it lost answer again", attempt, for_good=True)
        elif outcome.state is RunState.FAILED:
            self._crash(run, reason, attempt)
        elif outcome.state is RunState.STOPPED and attempt.hung and not self._ending.stops:
            self._crash(run, f"{attempt.hung}; it saved when it was asked to end", attempt)
        else:
            self._settle(outcome, reason)

    def died(self, attempt: Attempt, end: str) -> None:
        """An attempt has ended without a word."""
        said = why_it_died(self._paths.run_dir(attempt.run) / "log.txt")
        if attempt.hung:
            end = f"{attempt.hung}; {end}"
        words = f"{end}; its log ends: {said}" if said else end
        device = attempt.slot.device
        if device in self._pool.aside and self._pool.lost(attempt.run, device, words):
            self._move(attempt, words)
        elif attempt.out_of_memory(end) and not self._ending.stops:
            self._starved(attempt, words)
        else:
            self._crash(attempt.run, words, attempt)

    def not_started(self, run: str, reason: str) -> None:
        """No worker could be had for an attempt."""
        self._crash(run, reason, None)

    def _settle(self, outcome: Outcome, reason: str) -> None:
        run = outcome.run
        self._board.change(run, outcome.state, reason)
        self._views.event(str(outcome.state), f"{run} at step {outcome.step}" + (f": {reason}" if reason else ""))
        if outcome.state is RunState.DONE and run in self._finals:
            self._writer.score(run, self._finals[run])
        if outcome.state is not RunState.STOPPED:
            self._over(run)

    def _move(self, attempt: Attempt, reason: str) -> None:
        """Its device is gone, and that was not its doing."""
        run = attempt.run
        if self._ending.stops:
            self._board.change(run, RunState.STOPPED, f"while stopping: {reason}")
            return
        there = bool(self._pool.slots)
        self._board.displaced(run, reason, attempt.slot.device, there=there)
        goes_on = "it goes on on another device" if there else "it waits for a device"
        self._views.event("retry", f"{run}: {reason}; {goes_on}")

    def _starved(self, attempt: Attempt, words: str) -> None:
        """The kernel took it for the memory that it held."""
        run = attempt.run
        smaller = self._board.starved(run, words)
        if smaller is None:
            spec = self._board.runs[run].spec
            self._crash(run, f"{oom.WORDS}: {oom.what_it_takes(spec, self._device)}; {words}", attempt)
        else:
            self._views.event("retry", f"{run}: {words}; next with {smaller} sequences at a time")

    def _crash(self, run: str, reason: str, attempt: Attempt | None, *, for_good: bool = False) -> None:
        self._look_at_trunk(run)
        if self._ending.stops:
            self._board.change(run, RunState.STOPPED, f"while stopping: {reason}")
            return
        # What one sequence at a time does not fit into will not fit into it the next time, and smaller runs may.
        for_good = for_good or reason.startswith(oom.HOPELESS)
        if not for_good and (attempt is None or not attempt.moved):
            self.loop.crashed(run, reason, time.monotonic() - attempt.began if attempt else 0.0)
        if self._board.crashed(run, reason, for_good=for_good):
            self._views.event("retry", f"{run}: {reason}; it goes on from its last checkpoint")
        else:
            tries = self._board.attempts[run]
            self._views.event("failed", f"{run} after {tries} attempt{'s' if tries > 1 else ''}: {reason}")
            self._over(run)

    def _look_at_trunk(self, run: str) -> None:
        """A branch may have died of a damaged checkpoint: then that goes, and the trunk makes it again."""
        spec = self._board.runs[run].spec
        if spec.parent and checkpoints.remove_damaged(self._paths, spec.parent, spec.first_step):
            self._board.lost(spec.parent, spec.first_step)

    def _over(self, run: str) -> None:
        self.settled = True
        if self._board.runs[run].spec.kind is not RunKind.TRUNK:
            self._fits.want(run)
