"""One training run, from a RunSpec to its outcome. Hands points to a callback; knows no store, no lab, no screen."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from scalelab.errors import ScalelabError
from scalelab.gate import clean
from scalelab.records import (
    Message,
    Notice,
    NoticeKind,
    Outcome,
    PartEvaluation,
    RunKind,
    RunSpec,
    RunState,
    Saved,
    TokenSet,
)
from scalelab.training import checkpoint
from scalelab.training.batches import Batches, open_targets, open_tokens
from scalelab.training.device import Device
from scalelab.training.disk import NoRoom
from scalelab.training.engine import open_engine
from scalelab.training.evaluate import HeldOut
from scalelab.training.export import write_model
from scalelab.training.guard import Diverged, Guard
from scalelab.training.log import RunLog
from scalelab.training.lost import is_lost
from scalelab.training.meter import Meter
from scalelab.training.optimizer import FlatAdamW
from scalelab.training.patience import Patience
from scalelab.training.resume import manifest_of, restore_from
from scalelab.training.schedule import rate
from scalelab.training.state import gather
from scalelab.training.step import GradientStep, is_out_of_memory, room_on
from scalelab.training.told import Told


def train(
    spec: RunSpec,
    tokens: TokenSet,
    *,
    attempt: int,
    run_dir: Path,
    device: Device,
    report: Callable[[Message], None],
    should_stop: Callable[[], bool],
    resume_from: Path | None,
    checkpoint_seconds: float = 60.0,
    held: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Trains a run to its end, or until it is told to stop.

    Parameters
    ----------
    attempt : counts the tries of this run; part of every message.
    run_dir : gets log.txt, checkpoint/ and, at the end of a branch or single run, model/.
    report : hears of each Point, Evaluation, PartEvaluation, Saved and Notice; the Outcome is returned, not reported.
    should_stop : asked after every step; true saves a checkpoint and ends the run as STOPPED.
    held : asked after every step; no step is taken while it is true.
    resume_from : a checkpoint folder, this run's own or, for a branch, its trunk's at the branch step.
    checkpoint_seconds : at most so much training is lost when the process is killed.

    Returns
    -------
    DONE, STOPPED, DIVERGED (loss or gradient not finite; the update was not made) or FAILED with its reason. What
    nobody foresaw is FAILED too, with its traceback in log.txt; where the device has vanished it is named as lost. A
    full disk is waited for; STOPPED without a checkpoint, with the reason, where the run is asked to stop meanwhile.
    """
    log = RunLog(run_dir)
    run: _Run | None = None
    lost = ""
    try:
        run = _Run(spec, tokens, attempt, run_dir, device, report, log, checkpoint_seconds)
        run.start(resume_from)
        return _ended(log, run.go(should_stop, held))
    except Diverged as error:
        state, step, reason = RunState.DIVERGED, error.step, str(error)
    except NoRoom as error:
        state, reason = RunState.STOPPED, f"asked to stop; {error.line()}"
    except ScalelabError as error:
        state, reason = RunState.FAILED, error.line()
    except Exception as error:
        log.say(traceback.format_exc())
        lost = device.name if is_lost(error) else ""
        state, reason = RunState.FAILED, clean(_in_words(error, device))
    if state is not RunState.DIVERGED:
        step = run.step if run else spec.first_step
    return _ended(log, Outcome(run=spec.run, attempt=attempt, state=state, step=step, reason=reason, lost=lost))


def _in_words(error: Exception, device: Device) -> str:
    said = f"{type(error).__name__}: {error}"
    if not is_out_of_memory(error):
        return said
    # What a smaller micro-batch could help was met in `GradientStep`: this is the model itself, with its moments.
    return f"out of memory for the model and its optimizer: {said.splitlines()[0]}; there was {room_on(device)}"


def _ended(log: RunLog, outcome: Outcome) -> Outcome:
    log.say(f"{outcome.state} at step {outcome.step}" + (f": {outcome.reason}" if outcome.reason else ""))
    return outcome


class _Run:
    """The parts of a run, and the order of things in a step."""

    def __init__(
        self,
        spec: RunSpec,
        tokens: TokenSet,
        attempt: int,
        run_dir: Path,
        device: Device,
        report: Callable[[Message], None],
        log: RunLog,
        checkpoint_seconds: float,
    ) -> None:
        self.spec, self.attempt, self.run_dir, self.device, self.log = spec, attempt, run_dir, device, log
        self.report = Told(report)
        self.meter = Meter(spec, device, attempt=attempt)
        self.step = spec.first_step
        if tokens.vocab_size > spec.shape.vocab_size:
            raise ScalelabError(f"the corpus has {tokens.vocab_size} token ids, the model {spec.shape.vocab_size}")
        self.batches = Batches(
            open_tokens(tokens, "train"),
            context=spec.shape.context,
            batch_sequences=spec.batch_sequences,
            seed=spec.seed,
            targets=open_targets(tokens, "train"),
        )
        self._masked = tokens.pairs is not None
        self.engine = open_engine(spec, device)
        self.held_out = HeldOut(spec, tokens, device)
        self.optimizer = FlatAdamW(self.engine.flat, spec.optimizer)
        self.gradient = GradientStep(self.engine, device, micro_sequences=spec.micro_sequences, say=self._not_exact)
        self.checkpoint_seconds = checkpoint_seconds
        self.saved_at = 0.0

    def start(self, resume_from: Path | None) -> None:
        """Takes up the state that belongs to the step to go on from."""
        checkpoint.tidy(self.run_dir)
        here = self._manifest(for_branch=False)
        self.step, strange, beside = restore_from(
            resume_from, self.spec, self.run_dir, self.engine.flat, self.optimizer, here, self.log.say
        )
        self.meter.restore(beside, seconds=self.report.restore(beside, self.attempt))
        if strange:
            self._not_exact(strange)
        self.log.say(
            f"{self.spec.run} attempt {self.attempt} on {self.device.name}: from step {self.step} to "
            f"{self.spec.n_steps}, {self.batches.epoch(self.spec.n_steps):.2f} epochs of the corpus"
        )

    def go(self, should_stop: Callable[[], bool], held: Callable[[], bool]) -> Outcome:
        """All steps that are left."""
        self.patience = Patience(self._tell, should_stop, held)
        guard, meter = Guard(self.device), self.meter
        meter.begin()
        self.saved_at = time.monotonic()
        while self.step < self.spec.n_steps:
            lr = self._update(meter, guard)
            if meter.due(self.step):
                guard.settle()
                self.report(meter.point(self.step, lr))
            stop = should_stop()
            if held():
                with meter.paused():
                    stop = self.patience.until_released()
            stop = stop and self.step < self.spec.n_steps
            if self.step in self.spec.evaluation_steps or self.step == self.spec.n_steps:
                with meter.paused():
                    self._evaluate()
            if self._must_save(stop):
                guard.settle()
                with meter.paused():
                    self._save(needed=stop)
            if stop:
                return self._outcome(RunState.STOPPED, "asked to stop")
        checkpoint.discard_timed(self.run_dir)
        return self._outcome(RunState.DONE)

    def _update(self, meter: Meter, guard: Guard) -> float:
        batch = self.batches.batch(self.step)
        # Counted before the copy: a device need not be waited for to know it.
        n_targets = int((batch[:, 1:] >= 0).sum()) if self._masked else None
        loss = self.gradient.take(self.device.put(batch), n_targets)
        norm = self.optimizer.norm()
        skip = guard.check(self.step, loss, norm)
        lr = rate(self.spec.schedule, self.step)
        self.optimizer.update(step=self.step + 1, lr=lr, norm=norm, skip=skip)
        meter.add(loss, norm)
        self.step += 1
        return lr

    def _evaluate(self) -> None:
        final = self.step == self.spec.n_steps and self.spec.kind is not RunKind.TRUNK
        at, held_out = {"step": self.step, "attempt": self.attempt}, self.held_out
        measured = self.gradient.fitting(
            lambda: held_out.measure(self.engine, **at, final=final, rows=self.gradient.micro_sequences)
        )
        if not math.isfinite(measured.loss):
            raise Diverged(self.step - 1, measured.loss, math.nan)
        if final:
            self.patience.until_room(lambda: write_model(self.engine.model, self.run_dir / "model"))
            for number in held_out.parts:
                # Each is told when it is there: a run that says nothing for too long is taken for hung.
                if (part := self._on_part(number)) is not None:
                    self.report(part)
        self.report(measured)

    def _on_part(self, number: int) -> PartEvaluation | None:
        at = {"step": self.step, "attempt": self.attempt}
        return self.gradient.fitting(
            lambda: self.held_out.part(number, self.engine, **at, rows=self.gradient.micro_sequences)
        )

    def _must_save(self, stop: bool) -> bool:
        if stop or self.step in self.spec.branch_steps:
            return True
        timed = time.monotonic() - self.saved_at >= self.checkpoint_seconds
        return timed and self.step < self.spec.n_steps

    def _save(self, *, needed: bool) -> None:
        """Saves; a timed checkpoint that fails is only told, the next one may succeed."""
        for_branch = self.step in self.spec.branch_steps
        self.saved_at = time.monotonic()
        state = gather(self.engine.flat, self.optimizer) | self.meter.state() | self.report.state()
        manifest = self._manifest(for_branch=for_branch)
        try:
            folder = self.patience.until_room(lambda: checkpoint.save(self.run_dir, state, manifest))
        except NoRoom:
            raise
        except ScalelabError as error:
            if needed or for_branch:
                raise
            self._tell(NoticeKind.WARNING, error.line())
            return
        path = str(folder.relative_to(self.run_dir))
        self.report(Saved(run=self.spec.run, attempt=self.attempt, step=self.step, path=path, for_branch=for_branch))

    def _not_exact(self, why: str) -> None:
        self._tell(NoticeKind.NOT_EXACT, why)

    def _tell(self, kind: NoticeKind, text: str) -> None:
        self.log.say(f"{kind}: {text}")
        said = clean(text, 500)
        self.report(Notice(run=self.spec.run, attempt=self.attempt, step=self.step, kind=kind, text=said))

    def _manifest(self, *, for_branch: bool) -> checkpoint.Manifest:
        micro = self.gradient.micro_sequences
        return manifest_of(self.spec, self.device, step=self.step, micro_sequences=micro, for_branch=for_branch)

    def _outcome(self, state: RunState, reason: str = "") -> Outcome:
        return Outcome(run=self.spec.run, attempt=self.attempt, state=state, step=self.step, reason=reason)
