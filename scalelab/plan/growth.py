"""A plan that has begun grows: more budgets, sizes or seeds beside the runs that are there, alike in all its groups.

Pure; knows no store.

What the runs of a rung share (batch, warm-up, micro-batch) stays as they have it, whatever a larger grid would have
chosen: only then does a trunk go on exactly, and only then are old and new runs points of one law.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from scalelab import preset_files
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.plan import cost
from scalelab.plan.grid import rung_runs
from scalelab.plan.ladder import make_ladder
from scalelab.plan.plan import in_group, micro_sequences
from scalelab.preset import Preset
from scalelab.records import DeviceInfo, RunKind, RunSpec
from scalelab.units import parse_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What is to be added to a plan."""

    preset: Preset
    """The grown one; what the runs share is written out in it."""
    new: tuple[RunSpec, ...]
    """Runs that were not there, trunks before their branches."""
    longer: tuple[RunSpec, ...]
    """Trunks that were there, with the steps and branch points that they get."""
    notes: tuple[str, ...]
    """Where a plan made so from the start would be another one."""


def grown_preset(
    preset: Preset, have: Sequence[RunSpec], *, budgets: Sequence[str], shapes: Sequence[str], seeds: int | None
) -> Preset:
    """A lab's preset with more in it.

    Parameters
    ----------
    have : the runs that the lab trains.
    budgets : in the unit of the preset's own.
    shapes : more rungs, d_model x n_layer.
    seeds : how many seeds there shall be in all.

    Raises
    ------
    BadInput
        Nothing is added, something is there already, or no preset can have it.
    """
    if not budgets and not shapes and seeds is None:
        raise BadInput("nothing to extend the lab by", allowed="budgets, shapes, a number of seeds")
    tables = preset.model_dump(exclude_none=True, by_alias=True)
    unit = next(iter(tables["budgets"]))
    for word in budgets:
        value = parse_count(word, f"budget in {unit}")
        if value in tables["budgets"][unit]:
            raise BadInput(f"budget {clean(word, 40)} is in the lab", allowed="budgets that are not")
        tables["budgets"][unit] = [*tables["budgets"][unit], value]
    if shapes:
        rungs = list(dict.fromkeys(spec.rung for spec in have))
        for name in shapes:
            if name in rungs:
                raise BadInput(f"rung {clean(name, 40)} is in the lab", allowed="shapes that are not")
            rungs.append(name)
        tables["ladder"] = {"shapes": rungs}
    if seeds is not None:
        tables["seeds"] = _more_seeds(preset.seeds, seeds)
    return preset_files.parse(tables, "the grown lab")


def _more_seeds(there: Sequence[int], wanted: int) -> list[int]:
    if wanted <= len(there):
        raise BadInput(f"{wanted} seeds in all", allowed=f"more than the {len(there)} that the lab has")
    free = (seed for seed in range(2**31 - 1) if seed not in there)
    return [*there, *(next(free) for _ in range(wanted - len(there)))]


def grow(preset: Preset, grown: Preset, have: Sequence[RunSpec], device: DeviceInfo, *, vocab_size: int) -> Growth:
    """The runs that a grown preset adds to those that are there.

    Parameters
    ----------
    preset, grown : the lab's own, and the one of `grown_preset`.
    have : the runs that the lab trains, with what came of them since they were planned.
    device : as the lab was planned for.

    Raises
    ------
    BadInput
        A new run cannot be trained with what the others of its rung share.
    """
    shared = _written_out(grown, have)
    old = {spec.rung: spec for spec in reversed(have)}
    new: list[RunSpec] = []
    longer: list[RunSpec] = []
    for seed in shared.seeds:
        for rung in make_ladder(shared, vocab_size):
            first = old.get(rung.name)
            if first is not None and (first.shape, first.counts) != (rung.shape, rung.counts):
                raise BadInput(f"rung {rung.name} of the lab is not what is planned under that name now")
            own = shared if first is None else _held(shared, first)
            micro = micro_sequences(own, rung, device) if first is None else first.micro_sequences
            for group in shared.group_names:
                there = [spec for spec in have if (spec.rung, spec.seed, spec.group) == (rung.name, seed, group)]
                planned = [in_group(spec, group) for spec in rung_runs(own, rung, seed, micro)]
                added, changed = _merged(planned, there)
                new += added
                longer += changed
    taken = {spec.run for spec in have}
    return Growth(
        preset=shared,
        new=tuple(_named_apart(new, taken)),
        longer=tuple(longer),
        notes=tuple(_notes(grown, have, old, device, vocab_size)),
    )


def seconds_per_token(have: Iterable[tuple[RunSpec, float]]) -> dict[str, float]:
    """Rung → seconds a token on a slot, from what its runs are expected to take."""
    return {spec.rung: cost.per_token_of(spec, seconds) for spec, seconds in have}


def to_train(spec: RunSpec, begins: int) -> float:
    """FLOPs of a run from a step to its end."""
    return (spec.n_steps - begins) * spec.batch_tokens * spec.flops_per_token


def _held(preset: Preset, spec: RunSpec) -> Preset:
    """The preset with what a rung's runs share, as this one has it."""
    return preset.model_copy(
        update={
            "batch": preset.batch.model_copy(update={"sequences": spec.batch_sequences}),
            "schedule": preset.schedule.model_copy(update={"warmup_steps": spec.schedule.warmup_steps}),
        }
    )


def _written_out(preset: Preset, have: Sequence[RunSpec]) -> Preset:
    """What was left to a rule and came out the same for all runs, as a number: new rungs get it too."""
    batches = {spec.batch_sequences for spec in have}
    warmups = {spec.schedule.warmup_steps for spec in have}
    batch, schedule = preset.batch, preset.schedule
    if batch.sequences is None and len(batches) == 1:
        batch = batch.model_copy(update={"sequences": batches.pop()})
    if schedule.warmup_steps is None and len(warmups) == 1:
        schedule = schedule.model_copy(update={"warmup_steps": warmups.pop()})
    return preset.model_copy(update={"batch": batch, "schedule": schedule})


def _merged(planned: Sequence[RunSpec], have: Sequence[RunSpec]) -> tuple[list[RunSpec], list[RunSpec]]:
    """Of one rung and seed: the runs that are new, and the trunk that was there where it gets more to do."""
    ends = {spec.n_steps for spec in have if spec.kind is not RunKind.TRUNK}
    trunk = next((spec for spec in have if spec.kind is RunKind.TRUNK), None)
    new, longer = [], []
    for spec in planned:
        if spec.kind is RunKind.TRUNK and trunk is not None:
            if (grown := _longer(trunk, spec)) != trunk:
                longer.append(grown)
        elif spec.kind is RunKind.TRUNK or spec.n_steps not in ends:
            new.append(spec if trunk is None else _branch_of(spec, trunk))
    return new, longer


def _longer(trunk: RunSpec, planned: RunSpec) -> RunSpec:
    """The trunk as it is, with the branch points of the plan beside its own."""
    end = max(trunk.n_steps, planned.n_steps)
    further = {step for step in planned.evaluation_steps if step > trunk.n_steps}
    return replace(
        trunk,
        schedule=replace(trunk.schedule, n_steps=end, decay_start=end),
        branch_steps=tuple(sorted({*trunk.branch_steps, *planned.branch_steps})),
        evaluation_steps=tuple(sorted({*trunk.evaluation_steps, *further})),
    )


def _branch_of(spec: RunSpec, trunk: RunSpec) -> RunSpec:
    """At the trunk's own rate, which may have been lowered since it was planned."""
    return replace(spec, parent=trunk.run, schedule=replace(spec.schedule, peak=trunk.schedule.peak))


def _named_apart(new: Iterable[RunSpec], taken: set[str]) -> Iterable[RunSpec]:
    """A budget near another's may be written as that one was; then all its digits are."""
    for spec in new:
        if spec.run in taken:
            alone = replace(spec, run=f"{spec.rung}-D{spec.n_tokens}-s{spec.seed}")
            spec = replace(spec, run=in_group(alone, spec.group).run)
        taken.add(spec.run)
        yield spec


def _notes(
    grown: Preset, have: Sequence[RunSpec], old: Mapping[str, RunSpec], device: DeviceInfo, vocab_size: int
) -> list[str]:
    """What the rules would have chosen for the larger grid, where that is something else."""
    if not have:
        return []
    seed, found = have[0].seed, []
    for rung in make_ladder(grown, vocab_size):
        first = old.get(rung.name)
        if first is None:
            continue
        try:
            planned = rung_runs(grown, rung, seed, micro_sequences(grown, rung, device))[0]
        except BadInput:
            continue
        kept = (
            ("a batch", first.batch_sequences, planned.batch_sequences, "sequences"),
            ("a warm-up", first.schedule.warmup_steps, planned.schedule.warmup_steps, "steps"),
        )
        found += [
            f"rung {rung.name} keeps {what} of {ours} {unit}; planned so from the start it would have {theirs}"
            for what, ours, theirs, unit in kept
            if ours != theirs
        ]
    return found
