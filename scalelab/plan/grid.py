"""The grid: one rung × its budgets → run specs. With "wsd" a trunk and a cooldown branch for each budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from scalelab.errors import BadInput
from scalelab.plan.ladder import Rung, peak_rate
from scalelab.preset import BatchSpec, BudgetSpec, Preset
from scalelab.records import AdamW, Decay, RunKind, RunSpec, Schedule
from scalelab.units import format_count

_MIN_STEPS = 200
"""Steps of the shortest budget under an automatic batch: fewer and the loss says more about the batch than about D."""

_MOST_TOKENS = 1e15
"""Beyond any corpus, and still an exact count of steps and tokens in a store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """One rung and seed: what its trunk and branches share."""

    preset: Preset
    rung: Rung
    seed: int
    budgets: tuple[float, ...]
    sequences: int
    steps: tuple[int, ...]
    warmup_steps: int
    micro_sequences: int


def rung_budgets(spec: BudgetSpec, rung: Rung) -> tuple[float, ...]:
    """The budgets D of a rung in tokens, smallest first."""
    if spec.tokens is not None:
        return tuple(sorted(spec.tokens))
    if spec.tokens_per_param is not None:
        return tuple(sorted(ratio * rung.counts.n_params for ratio in spec.tokens_per_param))
    return tuple(sorted(flops / rung.flops_per_token for flops in spec.flops or ()))


def batch_sequences(spec: BatchSpec, budgets: tuple[float, ...], context: int) -> int:
    """Sequences a step: as asked, or a power of two of tokens near 0.573·D^0.571 of the middle budget.

    The rule is Step law's (Li et al. 2025, arXiv 2503.04715); it gives way so that the shortest budget has 200 steps.
    """
    if spec.sequences is not None:
        return spec.sequences
    middle = budgets[len(budgets) // 2]
    wanted = min(0.573 * middle**0.571, budgets[0] / _MIN_STEPS)
    return 1 << max(0, round(math.log2(max(wanted / context, 1.0))))


def rung_runs(preset: Preset, rung: Rung, seed: int, micro_sequences: int) -> tuple[RunSpec, ...]:
    """Every run of one rung and seed: the trunk first, then its branches, shortest budget first.

    Raises
    ------
    BadInput
        When a budget is under one batch, two budgets come out as one, or the warm-up leaves no room in the shortest.
    """
    budgets = rung_budgets(preset.budgets, rung)
    sequences = batch_sequences(preset.batch, budgets, rung.shape.context)
    steps = _steps(rung, budgets, sequences * rung.shape.context)
    lane = _Lane(
        preset=preset,
        rung=rung,
        seed=seed,
        budgets=budgets,
        sequences=sequences,
        steps=steps,
        warmup_steps=_warmup(preset, rung, steps),
        micro_sequences=micro_sequences,
    )
    return _singles(lane) if preset.schedule.kind == "cosine" else _trunk_and_branches(lane)


def _steps(rung: Rung, budgets: tuple[float, ...], batch_tokens: int) -> tuple[int, ...]:
    if budgets[-1] > _MOST_TOKENS:
        raise BadInput(
            f"budget {format_count(budgets[-1])} of rung {rung.name} is more text than there is",
            allowed=f"up to {format_count(_MOST_TOKENS)} tokens",
        )
    steps = tuple(round(budget / batch_tokens) for budget in budgets)
    if budgets[0] < batch_tokens:
        raise BadInput(
            f"budget {format_count(budgets[0])} of rung {rung.name} is under one batch of {batch_tokens} tokens",
            todo="raise the budget or lower batch.sequences",
        )
    for first, second in pairwise(steps):
        if first == second:
            raise BadInput(
                f"two budgets of rung {rung.name} come out as {first} steps of {batch_tokens} tokens",
                todo="move the budgets apart or lower batch.sequences",
            )
    return steps


def _warmup(preset: Preset, rung: Rung, steps: tuple[int, ...]) -> int:
    asked = preset.schedule.warmup_steps
    cooldown = preset.schedule.cooldown if preset.schedule.kind == "wsd" else 0.0
    room = steps[0] - math.ceil(cooldown * steps[0]) - 1
    warmup = min(max(50, math.ceil(0.05 * steps[0])), max(room // 2, 0)) if asked is None else asked
    if warmup > room or room < 1:
        raise BadInput(
            f"a warm-up of {warmup} steps leaves no room in rung {rung.name}'s shortest run of {steps[0]} steps",
            allowed=f"schedule.warmup_steps up to {max(room, 0)}",
            todo="lower it, raise the smallest budget, or lower batch.sequences",
        )
    return warmup


def _trunk_and_branches(lane: _Lane) -> tuple[RunSpec, ...]:
    starts = tuple(count - max(1, round(lane.preset.schedule.cooldown * count)) for count in lane.steps)
    last = starts[-1]
    trunk = _spec(
        lane,
        run=f"{lane.rung.name}-trunk-s{lane.seed}",
        kind=RunKind.TRUNK,
        schedule=_schedule(lane, Decay.CONSTANT, last, last),
        branch_steps=starts,
        evaluation_steps=_log_spaced(lane.warmup_steps, last, lane.preset.evaluation.points),
    )
    branches = tuple(
        _spec(
            lane,
            run=name,
            kind=RunKind.BRANCH,
            schedule=_schedule(lane, Decay.COOLDOWN, start, count),
            first_step=start,
            parent=trunk.run,
            evaluation_steps=(count,),
        )
        for name, start, count in zip(_point_names(lane), starts, lane.steps, strict=True)
    )
    return (trunk, *branches)


def _singles(lane: _Lane) -> tuple[RunSpec, ...]:
    return tuple(
        _spec(
            lane,
            run=name,
            kind=RunKind.SINGLE,
            schedule=_schedule(lane, Decay.COSINE, lane.warmup_steps, count),
            evaluation_steps=_log_spaced(lane.warmup_steps, count, lane.preset.evaluation.points),
        )
        for name, count in zip(_point_names(lane), lane.steps, strict=True)
    )


def _point_names(lane: _Lane) -> list[str]:
    """A name for each budget, with as many digits as it takes to tell them apart."""
    for digits in range(4, 18):
        written = [format_count(budget, digits) for budget in lane.budgets]
        if len(set(written)) == len(written):
            break
    return [f"{lane.rung.name}-D{budget}-s{lane.seed}" for budget in written]


def _schedule(lane: _Lane, decay: Decay, decay_start: int, n_steps: int) -> Schedule:
    return Schedule(
        peak=peak_rate(lane.preset.learning_rate, lane.rung),
        warmup_steps=lane.warmup_steps,
        decay=decay,
        decay_start=decay_start,
        n_steps=n_steps,
    )


def _spec(
    lane: _Lane,
    *,
    run: str,
    kind: RunKind,
    schedule: Schedule,
    evaluation_steps: tuple[int, ...],
    first_step: int = 0,
    parent: str | None = None,
    branch_steps: tuple[int, ...] = (),
) -> RunSpec:
    preset = lane.preset
    return RunSpec(
        run=run,
        kind=kind,
        rung=lane.rung.name,
        seed=lane.seed,
        shape=lane.rung.shape,
        counts=lane.rung.counts,
        batch_sequences=lane.sequences,
        micro_sequences=lane.micro_sequences,
        first_step=first_step,
        schedule=schedule,
        optimizer=AdamW(
            beta1=preset.optimizer.beta1,
            beta2=preset.optimizer.beta2,
            weight_decay=preset.optimizer.weight_decay,
            clip=preset.optimizer.clip,
        ),
        parent=parent,
        branch_steps=branch_steps,
        evaluation_steps=evaluation_steps,
        evaluation_tokens=preset.evaluation.tokens,
        dtype=preset.hardware.dtype,
        compile=preset.hardware.compile,
        scored_pairs=0 if preset.task == "lm" or kind is RunKind.TRUNK else preset.evaluation.pairs,
        scoring_seconds=preset.evaluation.pair_seconds,
    )


def _log_spaced(first: int, last: int, points: int) -> tuple[int, ...]:
    """At most `points` + 1 steps from just after the warm-up to the end, in equal ratios; the end always."""
    start = max(1, first)
    ratios = [index / points for index in range(points)] if points else []
    return tuple(sorted({round(start * (last / start) ** ratio) for ratio in ratios} | {last}))
