"""A plan in words: the device, the rungs, every point of the grid with its cost, and what is wrong with it."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from scalelab import __version__
from scalelab.gate import clean
from scalelab.records import RunKind
from scalelab.report import numbers
from scalelab.report.columns import columns
from scalelab.units import format_bytes, format_count, format_duration, format_flop_rate

if TYPE_CHECKING:
    from scalelab.plan import Cell, Plan

SCHEMA = "scalelab.plan/1"
MOST_CELLS = 60


def plan_lines(plan: Plan, width: int) -> list[str]:
    """The plan as a person reads it before spending the time."""
    sections = [
        _headline(plan, width),
        _rungs(plan, width),
        _points(plan, width),
        _groups(plan),
        _warnings(plan, width),
    ]
    lines: list[str] = []
    for section in filter(None, sections):
        lines += [*section, ""]
    return lines[:-1]


def _headline(plan: Plan, width: int) -> list[str]:
    device, preset = plan.device, plan.preset
    seeds = f" with each of {len(preset.seeds)} seeds" if len(preset.seeds) > 1 else ""
    slots = f"{device.slots} slot{'s' if device.slots > 1 else ''}"
    points = f"{len(plan.cells)} point{'s' if len(plan.cells) > 1 else ''}"
    if preset.groups:
        points += f" in {len(preset.groups)} groups"
    said = (
        f"{preset.name}: {points}{seeds} in about {format_duration(plan.seconds)}, "
        f"{numbers.flops(plan.flops)} FLOPs, on {slots} of {device.name} ({clean(device.label, 60)}; "
        f"time {plan.seconds_source}, peak {format_flop_rate(device.peak_flops)} a slot {device.peak_source})"
    )
    return textwrap.wrap(said, min(width, 100), subsequent_indent="  ")


def _rungs(plan: Plan, width: int) -> list[str]:
    rows = [["rung", "layers", "width", "heads", "N", "all params", "FLOPs/token"]]
    for rung in plan.rungs:
        per_token = next(spec.flops_per_token for spec in plan.runs if spec.rung == rung.name)
        rows.append(
            [
                rung.name,
                str(rung.shape.n_layer),
                str(rung.shape.d_model),
                str(rung.shape.n_head),
                format_count(rung.counts.n_params),
                format_count(rung.counts.n_total),
                numbers.flops(per_token),
            ]
        )
    return _fitting(rows, width, ("all params", "heads"))


def _fitting(rows: list[list[str]], width: int, less: Sequence[str], left: Collection[str] = ("rung",)) -> list[str]:
    """A table, without some of its columns, one after the other, where it would be wider."""
    for name in less:
        lines = _lines(rows, left)
        if max(map(len, lines)) <= width:
            return lines
        place = rows[0].index(name)
        rows = [[*row[:place], *row[place + 1 :]] for row in rows]
    return _lines(rows, left)


def _lines(rows: list[list[str]], left: Collection[str]) -> list[str]:
    return columns(rows, left={place for place, name in enumerate(rows[0]) if name in left})


def _points(plan: Plan, width: int) -> list[str]:
    first = {spec.run for spec in plan.runs if spec.group == plan.preset.group_names[0]}
    cells = [cell for cell in plan.cells if cell.seed == plan.preset.seeds[0] and cell.run in first]
    shown = cells if len(cells) <= MOST_CELLS else [*cells[: MOST_CELLS - 1], cells[-1]]
    rows = [["rung", "N", "D", "D/N", "C", "memory", "time", "fits"]] + [_row(cell) for cell in shown]
    lines = _fitting(rows, width, ("D/N", "memory"), left=("rung", "fits"))
    if len(shown) < len(cells):
        lines.insert(-1, f"… {len(cells) - len(shown)} more (--json lists them)")
    lines += _shared(plan, first, width)
    if len(plan.preset.seeds) > 1:
        lines.append(f"and the same for seeds {', '.join(map(str, plan.preset.seeds[1:]))}")
    return lines


def _shared(plan: Plan, runs: set[str], width: int) -> list[str]:
    """What the table's C and time hold of the trunks, so that whoever adds them up comes to the headline; nothing
    where every point trains by itself.
    """
    seed = plan.preset.seeds[0]
    trunks = [spec for spec in plan.runs if spec.run in runs and spec.kind is RunKind.TRUNK and spec.seed == seed]
    if not trunks:
        return []
    seconds = sum(plan.expected_seconds[spec.run] for spec in trunks)
    own = sum(cell.seconds for cell in plan.cells if cell.seed == seed and cell.run in runs)
    said = (
        f"time: on one slot, of the point alone; the trunks that the points of a size share take "
        f"{format_duration(seconds)} more, {format_duration(seconds + own)} in all. C holds the trunk's part"
    )
    return textwrap.wrap(said, min(width, 100), subsequent_indent="  ")


def _groups(plan: Plan) -> list[str]:
    """What each group trains on, and how often its largest budget reads it where that is known before it is there."""
    if not plan.preset.groups:
        return []
    most = max(cell.n_tokens for cell in plan.cells)
    rows = [["group", "text", "copies", "read", "of"]]
    for group in plan.preset.groups:
        text = group.unique_tokens
        read = times_read(most, text * group.copies) if text else ""
        what = ", ".join((group.source or plan.preset.corpus.source, *group.augment))
        rows.append([group.name, format_count(text) if text else "all", str(group.copies), read, clean(what, 60)])
    return ["All of these points for each group:", *columns(rows, left={0, 4})]


def times_read(n_tokens: float, text_tokens: float) -> str:
    """How often a budget reads a text: "1.5×"."""
    times = n_tokens / text_tokens
    return f"{times:.2g}×" if times < 10 else f"{format_count(round(times))}×"


def _row(cell: Cell) -> list[str]:
    return [
        cell.rung,
        format_count(cell.n_params),
        format_count(cell.n_tokens),
        f"{cell.n_tokens / cell.n_params:.3g}",
        numbers.flops(cell.flops),
        format_bytes(cell.memory_bytes),
        format_duration(cell.seconds),
        {"fits": "yes"}.get(cell.verdict, cell.verdict),
    ]


def _warnings(plan: Plan, width: int) -> list[str]:
    return [
        line
        for warning in plan.warnings
        for line in textwrap.wrap(f"warning: {clean(warning)}", min(width, 100), subsequent_indent="  ")
    ]


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as plain values."""
    return {
        "schema": SCHEMA,
        "scalelab": __version__,
        "preset": plan.preset.model_dump(by_alias=True, exclude_none=True),
        "device": plan.device.to_dict(),
        "rungs": [{"name": rung.name, "shape": rung.shape.to_dict(), "counts": rung.counts.to_dict()}
                  for rung in plan.rungs],
        "cells": [_cell_document(cell) for cell in plan.cells],
        "seconds": plan.seconds,
        "seconds_source": plan.seconds_source,
        "flops": plan.flops,
        "warnings": list(plan.warnings),
    }  # fmt: skip


def _cell_document(cell: Cell) -> dict[str, Any]:
    names: Sequence[str] = ("run", "rung", "seed", "n_params", "n_tokens", "flops", "memory_bytes", "seconds",
                            "verdict")  # fmt: skip
    return {name: getattr(cell, name) for name in names}
