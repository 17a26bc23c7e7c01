"""Preset → Plan: every run, what it costs, and what is wrong with the grid before a second is spent on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scalelab.plan import cost
from scalelab.plan.grid import batch_sequences, rung_budgets, rung_runs
from scalelab.plan.ladder import Rung, make_ladder
from scalelab.preset import Preset
from scalelab.records import DeviceInfo, RunKind, RunSpec
from scalelab.units import format_bytes, format_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One (N, D) point of the grid and its cost."""

    run: str
    rung: str
    seed: int
    group: str
    n_params: int
    n_tokens: int
    flops: float
    """C of the point, the trunk's part included."""
    memory_bytes: int
    seconds: float
    """On one slot; a branch counts its own part and not its trunk's."""
    verdict: str
    """"fits", "tight" or "no"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A preset made concrete on a device."""

    preset: Preset
    device: DeviceInfo
    rungs: tuple[Rung, ...]
    runs: tuple[RunSpec, ...]
    """Trunks and branches, or single runs."""
    cells: tuple[Cell, ...]
    """The points of the grid: branches and single runs."""
    expected_seconds: dict[str, float]
    """Run → seconds of its own part on one slot."""
    seconds: float
    """Of the whole plan on the device's slots."""
    flops: float
    """Of all training, each trunk counted once."""
    seconds_source: str
    """"probed" (steps taken on the device) or "estimated" (from its peak)."""
    warnings: tuple[str, ...]


def make_plan(
    preset: Preset,
    device: DeviceInfo,
    *,
    vocab_size: int | None = None,
    seconds_per_token: Mapping[str, float] | None = None,
) -> Plan:
    """The plan of a preset on a device.

    Parameters
    ----------
    vocab_size
        Tokens of the real tokenizer, once it exists.
    seconds_per_token
        Rung name → seconds a training token on one slot, as probed on the device; estimated where absent.

    Raises
    ------
    BadInput
        When the ladder or the budgets cannot be trained as they are.
    """
    rungs = make_ladder(preset, vocab_size)
    micro = {rung.name: micro_sequences(preset, rung, device) for rung in rungs}
    by_rung = {rung.name: rung for rung in rungs}
    runs = tuple(
        in_group(spec, group)
        for seed in preset.seeds
        for rung in rungs
        for group in preset.group_names
        for spec in rung_runs(preset, rung, seed, micro[rung.name])
    )
    per_token = {rung.name: cost.seconds_per_token(rung, device) for rung in rungs} | dict(seconds_per_token or {})
    expected = {spec.run: cost.run_seconds(spec, per_token[spec.rung]) for spec in runs}
    cells = tuple(_cell(spec, by_rung[spec.rung], device, expected) for spec in runs if spec.kind is not RunKind.TRUNK)
    return Plan(
        preset=preset,
        device=device,
        rungs=rungs,
        runs=runs,
        cells=cells,
        expected_seconds=expected,
        seconds=cost.makespan(runs, expected, device.slots),
        flops=math.fsum(spec.new_tokens * spec.flops_per_token for spec in runs),
        seconds_source="probed" if seconds_per_token else "estimated",
        warnings=tuple(_warnings(preset, cells, device)),
    )


def in_group(spec: RunSpec, group: str) -> RunSpec:
    """The run as one of a group, whose name stands before its own."""
    if not group:
        return spec
    parent = None if spec.parent is None else f"{group}.{spec.parent}"
    return replace(spec, run=f"{group}.{spec.run}", parent=parent, group=group)


def micro_sequences(preset: Preset, rung: Rung, device: DeviceInfo) -> int:
    """Sequences a forward pass of a rung's runs on a device."""
    sequences = batch_sequences(preset.batch, rung_budgets(preset.budgets, rung), rung.shape.context)
    return cost.micro_sequences(rung, sequences, preset.batch.micro_sequences, device)


def _cell(spec: RunSpec, rung: Rung, device: DeviceInfo, expected: Mapping[str, float]) -> Cell:
    needed = cost.memory_bytes(rung, spec.micro_sequences, device)
    return Cell(
        run=spec.run,
        rung=spec.rung,
        seed=spec.seed,
        group=spec.group,
        n_params=spec.counts.n_params,
        n_tokens=spec.n_tokens,
        flops=spec.flops,
        memory_bytes=needed,
        seconds=expected[spec.run],
        verdict=cost.verdict(needed, device),
    )


def _warnings(preset: Preset, cells: tuple[Cell, ...], device: DeviceInfo) -> list[str]:
    """What the grid will not be able to tell, and which run would mend it."""
    found: list[str] = []
    sizes = sorted({cell.n_params for cell in cells})
    budgets = sorted({cell.n_tokens for cell in cells})
    ratios = [cell.n_tokens / cell.n_params for cell in cells]
    if len(sizes) == 1:
        found.append(f"one rung: no exponent of N can be fitted; add one near N = {format_count(4 * sizes[0])}")
    elif len(budgets) == 1:
        found.append(f"one budget: no exponent of D can be fitted; add one of {format_count(4 * budgets[0])} tokens")
    elif max(ratios) < 1.05 * min(ratios):
        smallest = min(cells, key=lambda cell: cell.n_params)
        found.append(
            "every run has the same tokens per parameter: the exponents of N and D are not identifiable; "
            f"add rung {smallest.rung} at {format_count(8 * smallest.n_tokens)} tokens"
        )
    if len(cells) < 6 and len(sizes) > 1:
        found.append(f"{len(cells)} points: the power law needs 6 for honest intervals, chinchilla's form 8")
    for name in sorted({cell.rung for cell in cells if cell.verdict == "no"}):
        needed = max(cell.memory_bytes for cell in cells if cell.rung == name)
        found.append(
            f"rung {name} needs {format_bytes(needed)} and a slot has {format_bytes(cost.slot_bytes(device))}: "
            "lower hardware.slots or take the rung out"
        )
    return found
