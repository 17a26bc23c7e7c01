"""A callback that records a transformers Trainer's own run into a lab: its curve, its held-out losses, its end.

Whatever goes wrong in recording is told once and never stops the training. Knows the Trainer, not how laws are fitted.
"""

from __future__ import annotations

import atexit
import logging
import math
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.lab.recording import Recorder, safe_name
from scalelab.records import (
    AdamW,
    Decay,
    Evaluation,
    ModelShape,
    Point,
    RunKind,
    RunSpec,
    RunState,
    Schedule,
)
from scalelab.training.foreign import count_model, shape_of
from scalelab.units import format_count

ORIGIN = "trainer"
ANNEALED = 0.5
"""Share of the peak to which the rate must have come down for the end to be a point: a constant rate never does."""
_DECAYS: Mapping[str, Decay] = {
    "linear": Decay.LINEAR, "cosine": Decay.COSINE, "cosine_with_min_lr": Decay.COSINE,
    "warmup_stable_decay": Decay.COOLDOWN,
}  # fmt: skip
_told = logging.getLogger("scalelab")


class ScaleLabCallback(TrainerCallback):
    """Record the run of a `transformers.Trainer` as one run of a lab.

    Parameters
    ----------
    lab : str or Path
        The lab's folder; made if there is none. Several runs, one after another or at once, share it: they are the
        points of its laws.
    run : str, optional
        The run's name; unset: width × layers, D and seed, as in "256x4-D52M-s42".
    tokens_per_step : int, optional
        Tokens of one optimizer step over all devices. Unset: counted by the Trainer where
        `include_num_input_tokens_seen` is set, else batch × accumulation × devices × length of the first example. The
        last step of a pass over the data counts what was left for it.

    A run is a point of the laws where it went to its last step, its rate had come down to half its peak or less, and
    its loss was evaluated there: with `eval_strategy` at the end, or by `trainer.evaluate()` after `trainer.train()`; a
    second `train()` of the same model is none, since its weights have seen the first one's tokens.
    Losses are means over the tokens of the evaluation set, nats a token; give all runs of a lab the same one.
    """

    def __init__(self, lab: str | Path, *, run: str | None = None, tokens_per_step: int | None = None) -> None:
        if tokens_per_step is not None and tokens_per_step < 1:
            raise BadInput(f"tokens_per_step {tokens_per_step}", allowed="1 or more")
        self._lab, self._asked, self._tokens_per_step = lab, run, tokens_per_step
        self._recorder: Recorder | None = None
        self._spec: RunSpec | None = None
        self._epoch: tuple[int, int] | None = None
        """Steps and sequences of one pass over the data; None where that has no known end."""
        self._attempt, self._began, self._began_tokens = 1, 0.0, 0
        self._highest_rate, self._last_rate = 0.0, 0.0
        self._evaluated: Evaluation | None = None
        self._model: weakref.ref[Any] | None = None
        self._was_trained, self._over = False, False

    # What the Trainer calls

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """The run enters the lab."""
        if not state.is_world_process_zero:
            return
        self._guard(self._begin, args, state, given)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """A point of the curve; the place where a wish to stop is heard."""
        if self._recorder is None or self._spec is None or not isinstance(logs, Mapping):
            return
        if "loss" in logs and not self._over:
            self._guard(self._log, state, logs)
        if not self._over and self._guard(self._recorder.asked_to_stop):
            control.should_save = control.should_training_stop = True

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **given: Any) -> None:
        """A held-out loss; at the last step, or after it, the one that counts."""
        self._see_rate(given)
        if self._recorder is not None and self._spec is not None and isinstance(metrics, Mapping):
            self._guard(self._evaluate, args, state, metrics)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """How it ended, and the laws with it."""
        self._see_rate(given)
        if self._recorder is not None and self._spec is not None:
            self._guard(self._end, state)

    # What it records

    def _begin(self, args: Any, state: Any, given: Mapping[str, Any]) -> None:
        if self._recorder is not None:
            self._recorder.close()
        before, self._model = self._model, weakref.ref(given["model"])
        # Only a training that came to its end counts: one that ran out of memory begins again from the same weights.
        same = self._over and before is not None and before() is given["model"]
        self._was_trained = same and state.global_step == 0
        self._recorder, self._over, self._evaluated = Recorder(self._lab), False, None
        self._highest_rate = self._last_rate = 0.0
        self._see_rate(given)
        spec = self._describe(args, state, given)
        self._spec, self._attempt = self._recorder.begin(spec, goes_on=state.global_step > 0)
        self._began, self._began_tokens = time.monotonic(), self._tokens(state)
        atexit.register(self._lost)

    def _describe(self, args: Any, state: Any, given: Mapping[str, Any]) -> RunSpec:
        model, loader = given["model"], given.get("train_dataloader")
        shape, counts = shape_of(model.config), count_model(model)
        # Of all cards that one process has, and after the Trainer has made it smaller for want of memory.
        batch = int(state.train_batch_size or args.train_batch_size)
        sequences = batch * args.gradient_accumulation_steps * max(1, args.world_size)
        counted = str(getattr(args, "include_num_input_tokens_seen", "no")) not in {"no", "False"}
        length = self._length(sequences, loader, shape.context if counted else 0)
        self._epoch = _epoch_of(args, loader, batch)
        shape = ModelShape.from_dict(shape.to_dict() | {"context": length})
        steps = int(state.max_steps)
        rung = f"{shape.d_model}x{shape.n_layer}" if shape.d_model and shape.n_layer else f"N{counts.n_params}"
        name = self._asked or f"{rung}-D{format_count(float(self._sequences(steps, sequences) * length))}-s{args.seed}"
        warmup = args.get_warmup_steps(steps)
        kind = str(getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type))
        return RunSpec(
            run=safe_name(name), kind=RunKind.SINGLE, rung=rung, seed=int(args.seed), shape=shape, counts=counts,
            batch_sequences=sequences, micro_sequences=args.per_device_train_batch_size, first_step=0,
            schedule=Schedule(
                peak=args.learning_rate, warmup_steps=warmup, decay=_DECAYS.get(kind, Decay.CONSTANT),
                decay_start=warmup, n_steps=steps,
            ),
            optimizer=AdamW(
                beta1=args.adam_beta1, beta2=args.adam_beta2, eps=args.adam_epsilon, weight_decay=args.weight_decay,
                clip=args.max_grad_norm or 0.0,
            ),
            origin=ORIGIN,
        )  # fmt: skip

    def _length(self, sequences: int, loader: Any, otherwise: int) -> int:
        """Tokens a sequence: as the caller says, else of the first example; `otherwise` where the Trainer counts."""
        if self._tokens_per_step is not None:
            if self._tokens_per_step % sequences:
                raise BadInput(
                    f"tokens_per_step {self._tokens_per_step} is no multiple of {sequences} sequences a step"
                )
            return self._tokens_per_step // sequences
        first: Any = None
        try:
            first = loader.dataset[0]
        except Exception:  # a stream has no first example, and what it raises is its own affair
            first = None
        ids = first.get("input_ids") if isinstance(first, Mapping) else None
        if ids is None or len(ids) < 1:
            if otherwise:
                return otherwise
            raise BadInput("nobody says how many tokens a step has", todo="give ScaleLabCallback(tokens_per_step=…)")
        return len(ids)

    def _log(self, state: Any, logs: Mapping[str, Any]) -> None:
        recorder, spec = self._known()
        rate = _number(logs.get("learning_rate"))
        if math.isfinite(rate):
            self._highest_rate, self._last_rate = max(self._highest_rate, rate), rate
        seconds = time.monotonic() - self._began
        tokens = self._tokens(state)
        recorder.write(
            [
                Point(
                    run=spec.run, attempt=self._attempt, step=int(state.global_step), n_tokens=tokens,
                    loss=_number(logs.get("loss")), lr=rate, grad_norm=_number(logs.get("grad_norm")),
                    tokens_per_second=(tokens - self._began_tokens) / max(seconds, 1e-9), seconds=seconds,
                )
            ]
        )  # fmt: skip

    def _see_rate(self, given: Mapping[str, Any]) -> None:
        """The rate as the scheduler has it now, and the one that it turns down from: few steps may be logged."""
        scheduler = given.get("lr_scheduler")
        try:
            rate, base = max(scheduler.get_last_lr()), max(scheduler.base_lrs)  # type: ignore[union-attr]
        except Exception:  # none, or one of another make: what is logged must do
            return
        self._highest_rate, self._last_rate = max(self._highest_rate, float(base)), float(rate)

    def _evaluate(self, args: Any, state: Any, metrics: Mapping[str, Any]) -> None:
        recorder, spec = self._known()
        loss = _number(metrics.get("eval_loss", math.nan))
        if not math.isfinite(loss):
            self._tell_other_losses(metrics)
            return
        at_the_end = int(state.global_step) >= spec.n_steps
        swapped = self._over and bool(args.load_best_model_at_end)
        found = Evaluation(
            run=spec.run, attempt=self._attempt, step=int(state.global_step), n_tokens=self._tokens(state),
            flops=self._tokens(state) * spec.flops_per_token, loss=loss, loss_se=math.nan,
            accuracy=_number(metrics.get("eval_accuracy", math.nan)), bits_per_byte=math.nan, evaluated_tokens=0,
            final=at_the_end and not swapped and self._annealed and not self._was_trained,
        )  # fmt: skip
        recorder.write([found])
        self._evaluated = found if at_the_end and not swapped else self._evaluated
        if self._over and found.final:
            recorder.end(spec.run, self._attempt, RunState.DONE)
            self._refit()

    def _tell_other_losses(self, metrics: Mapping[str, Any]) -> None:
        """Why an evaluation after the end made no point."""
        names = sorted(str(name) for name in metrics if str(name).endswith("_loss") and name != "eval_loss")
        if self._over and self._evaluated is None and names:
            recorder, spec = self._known()
            why = f"evaluated as {', '.join(names[:3])}: a point takes one set's eval_loss"
            recorder.end(spec.run, self._attempt, RunState.DONE, clean(why, 200))

    def _end(self, state: Any) -> None:
        recorder, spec = self._known()
        self._over = True
        atexit.unregister(self._lost)
        if int(state.global_step) < spec.n_steps:
            reason = f"stopped at step {state.global_step} of {spec.n_steps}"
            recorder.end(spec.run, self._attempt, RunState.STOPPED, reason)
            return
        recorder.end(spec.run, self._attempt, RunState.DONE, self._lacking())
        if self._evaluated is not None and self._evaluated.final:
            self._refit()

    def _lacking(self) -> str:
        """Why the end of a whole run is no point yet, or ""."""
        if self._was_trained:
            return "its model had been trained before: its tokens are more than this run's"
        if not self._annealed:
            share = self._last_rate / self._highest_rate
            return f"its rate ended at {share:.0%} of its peak: no annealed end, no point"
        return "" if self._evaluated is not None else "not evaluated at its end: call trainer.evaluate()"

    @property
    def _annealed(self) -> bool:
        """Whether the rate came down; True where no rate was ever logged, for then nobody knows better."""
        return self._highest_rate == 0.0 or self._last_rate <= ANNEALED * self._highest_rate

    def _tokens(self, state: Any) -> int:
        """D so far: as the Trainer counts it, else the sequences that it has had × their length."""
        spec = self._known()[1]
        counted = int(state.num_input_tokens_seen or 0)
        return counted or self._sequences(int(state.global_step), spec.batch_sequences) * spec.shape.context

    def _sequences(self, steps: int, batch: int) -> int:
        """Sequences of so many steps; the last step of every epoch has only what was left."""
        if self._epoch is None:
            return steps * batch
        passes, rest = divmod(steps, self._epoch[0])
        return passes * self._epoch[1] + min(rest * batch, self._epoch[1])

    def _refit(self) -> None:
        recorder, spec = self._known()
        if problem := recorder.refit(spec.run):
            _told.info("scalelab: no law yet: %s", problem)

    def _known(self) -> tuple[Recorder, RunSpec]:
        if self._recorder is None or self._spec is None:
            raise AssertionError("recorded before the training began")
        return self._recorder, self._spec

    def _lost(self) -> None:
        """The process ends before the training has."""
        recorder, spec = self._known()
        self._guard(recorder.end, spec.run, self._attempt, RunState.FAILED, "its process ended before the training")
        self._guard(recorder.close)

    def _guard(self, act: Callable[..., Any], *given: Any) -> Any:
        """Do it; what goes wrong is told, and is no reason to stop somebody's training."""
        try:
            return act(*given)
        except BadInput:
            raise  # said at the very start, by who can still change it
        except Exception as problem:
            _told.warning("scalelab: not recorded: %s", problem)
            return None


def _epoch_of(args: Any, loader: Any, batch: int) -> tuple[int, int] | None:
    """(Steps, sequences) of one pass with `batch` sequences at a time; None of a stream, and of several processes,
    whose batches are filled up.
    """
    if args.world_size > 1:
        return None
    try:
        batches, sequences = len(loader), len(loader.dataset)
    except Exception:  # a stream has no length, and what it raises is its own affair
        return None
    if args.dataloader_drop_last:
        sequences = min(sequences, batches * batch)
    steps = -(-batches // args.gradient_accumulation_steps)
    return (steps, sequences) if steps and sequences else None


def _number(value: Any) -> float:
    """A number of a log, NaN where there is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
