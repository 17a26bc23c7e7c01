"""The fields of the plan's form: what can be changed, what follows from it, what is wrong. It draws nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args, get_origin

from pydantic import BaseModel

from scalelab import preset_files
from scalelab.plan import Plan
from scalelab.plan.cost import slot_bytes
from scalelab.preset import BatchSpec, EvaluationSpec, LearningRateSpec, ModelSpec, ScheduleSpec
from scalelab.records import DeviceInfo
from scalelab.report import numbers
from scalelab.tui.views.draft import (
    BUDGETS,
    LADDERS,
    SHAPES,
    SPAN,
    TARGETS,
    Draft,
    Planned,
    budget_kind,
    is_changed,
    items,
    ladder_kind,
    rungs,
    said,
    value_of,
)
from scalelab.tui.views.fields import field_of
from scalelab.tui.views.rows import Field, Heading, Row
from scalelab.tui.views.tasks import LM, TASK
from scalelab.tui.views.text_rows import group_rows, text_rows
from scalelab.units import format_bytes, format_count, format_duration, format_flop_rate

MORE = (
    ("Model", (("model.architecture", "architecture", ""), ("model.context", "context", "tokens a sequence"),
               ("model.head_dim", "head width", ""))),
    ("Training", (("schedule.kind", "schedule", ""), ("schedule.warmup_steps", "warm-up", "steps"),
                  ("schedule.cooldown", "cooldown", "share of a budget"), ("batch.sequences", "batch", "sequences"),
                  ("learning_rate.rule", "rate by", ""), ("learning_rate.scale", "rate scale", ""),
                  ("evaluation.tokens", "measured on", "held-out tokens each time"),
                  ("evaluation.pairs", "answered", "held-out prompts after a run"),
                  ("seeds", "seeds", "the grid is trained once for each"))),
)  # fmt: skip
"""Sections of plain fields: key, label, what it is."""
NAME = 8
"""Cells of the name that a target for N came out as."""
_TABLES: dict[str, type[BaseModel]] = {
    "model": ModelSpec, "schedule": ScheduleSpec, "batch": BatchSpec,
    "learning_rate": LearningRateSpec, "evaluation": EvaluationSpec,
}  # fmt: skip
_SAYS = {"wsd": "one trunk a rung, a cooldown a budget", "cosine": "a training of its own for every budget"}


def rows_of(
    draft: Draft, now: Planned, last: Plan | None, devices: Sequence[DeviceInfo] | None,
    usage: Mapping[str, str] = MappingProxyType({}),
) -> list[Row]:  # fmt: skip
    """Every row of the form; `last` is the newest plan that could be made."""
    rows = [*_what(draft, now), *_device(draft, now, last, devices, usage), *_ladder(draft, now, last)]
    rows += [*_budgets(draft, now, last), *text_rows(draft, now), *group_rows(draft, now, last)]
    scored = said(draft, now.base, TASK) != LM
    for title, fields in MORE:
        shown = (each for each in fields if scored or each[0] != "evaluation.pairs")
        rows += [Heading(text=title), *(_plain(draft, now, *each) for each in shown)]
    return rows


def _what(draft: Draft, now: Planned) -> list[Row]:
    described = now.base.description if now.base else ""
    return [
        Field(key="preset", label="preset", value=draft.base,
              choices=tuple(dict.fromkeys((*preset_files.shipped(), draft.base))),
              beside=described, problem=now.problems.get("preset", "")),
        Field(key="lab", label="lab", value=draft.lab, empty=_shown_lab(now), problem=now.problems.get("lab", ""),
              changed=bool(draft.lab)),
    ]  # fmt: skip


def _shown_lab(now: Planned) -> str:
    words = now.command.split(" --lab ")
    return words[-1] if len(words) > 1 else "labs/NAME"


def _device(
    draft: Draft, now: Planned, last: Plan | None, devices: Sequence[DeviceInfo] | None, usage: Mapping[str, str]
) -> list[Row]:
    names = ["auto", *(each.name for each in devices or ())]
    if sum(name.startswith("cuda:") for name in names) > 1:
        names.insert(1, "cuda")
    plan = now.plan or last
    found = plan.device if plan else None
    facts = "looking for devices" if devices is None else ""
    slots = ""
    if found is not None:
        facts = device_words(found, usage)
        slots = f"at once, {format_bytes(slot_bytes(found))} each"
    several = devices if devices is not None and len(devices) > 1 else ()
    return [
        field_of(draft, now, "hardware.device", "device", facts, tuple(names), closed=False),
        *(Heading(text=f"     {each.name}", beside=device_words(each, usage)) for each in several),
        field_of(draft, now, "hardware.slots", "slots", slots, empty=str(found.slots) if found else "auto"),
    ]


def device_words(device: DeviceInfo, usage: Mapping[str, str]) -> str:
    """A device: its label, memory, what else uses it, and a slot's peak with where that number is from."""
    busy = f" ({usage[device.name]})" if device.name in usage else ""
    peak = f"{format_flop_rate(device.peak_flops)} a slot, {device.peak_source}"
    return f"{device.label} · {format_bytes(device.memory_bytes)}{busy} · {peak}"


def _ladder(draft: Draft, now: Planned, last: Plan | None) -> list[Row]:
    kind = ladder_kind(now, draft)
    heads = ["N", "fits", "time", "memory", "FLOPs/tok", "all N"]
    rows: list[Row] = [
        Heading(text="Ladder", beside=" " * (NAME if kind == TARGETS else 0) + _columns(heads)),
        Field(key="ladder", label="sizes by", value=kind, choices=tuple(LADDERS), closed=True,
              changed=any(is_changed(draft, now.base, key) for keys in LADDERS.values() for key in keys)),
    ]  # fmt: skip
    costs = _costs(now.plan or last)
    if kind == SPAN:
        rows += [field_of(draft, now, key, key.partition(".")[2]) for key in LADDERS[SPAN]]
        return rows + [Heading(text=f"     {name}", beside=_columns(cells)) for name, cells in costs.items()]
    key = LADDERS[kind][0]
    every, plan = rungs(draft, now.base, key), now.plan or last
    made = list(plan.rungs) if plan else []
    before = items(value_of(now.base, key))
    for place, text in enumerate(every):
        found = text if kind == SHAPES else _nearest(text, made)
        cells = costs.get(found, [])
        beside = _columns(cells) if kind == SHAPES or not cells else f"{found:<{NAME}}{_columns(cells)}"
        # What is wrong with all of them together stands at the first.
        wrong = now.problems.get(f"{key}[{place}]") or (now.problems.get(key, "") if place == 0 else "")
        rows.append(Field(key=f"{key}[{place}]", label=f"rung {place + 1}", value=text, beside=beside or " ",
                          problem=wrong, changed=text not in before))  # fmt: skip
    return rows


def _nearest(text: str, made: Sequence[object]) -> str:
    """The name of the rung that a target came out as."""
    import math

    from scalelab.errors import BadInput
    from scalelab.units import parse_count

    try:
        wanted = parse_count(text)
    except BadInput:
        return ""
    near = min(made, key=lambda rung: abs(math.log(rung.counts.n_params / wanted)), default=None)  # type: ignore[attr-defined]
    return "" if near is None else str(near.name)  # type: ignore[attr-defined]


def _costs(plan: Plan | None) -> dict[str, list[str]]:
    """Rung → N, verdict, time of all its runs on one slot, memory, FLOPs a token, all parameters."""
    if plan is None:
        return {}
    worst = {"fits": 0, "tight": 1, "no": 2}
    told = {}
    for rung in plan.rungs:
        cells = [cell for cell in plan.cells if cell.rung == rung.name]
        seconds = sum(plan.expected_seconds[spec.run] for spec in plan.runs if spec.rung == rung.name)
        verdict = max((cell.verdict for cell in cells), key=lambda each: worst[each], default="")
        told[rung.name] = [
            format_count(rung.counts.n_params), verdict, format_duration(seconds),
            format_bytes(max((cell.memory_bytes for cell in cells), default=0)), numbers.flops(rung.flops_per_token),
            format_count(rung.counts.n_total),
        ]  # fmt: skip
    return told


def _columns(cells: Sequence[str]) -> str:
    widths = (6, 5, 6, 7, 9, 6)
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=False))


def _budgets(draft: Draft, now: Planned, last: Plan | None) -> list[Row]:
    kind = budget_kind(now, draft)
    plan = now.plan or last
    span = ""
    if plan is not None:
        tokens = sorted({cell.n_tokens for cell in plan.cells})
        span = f"D {format_count(tokens[0])} to {format_count(tokens[-1])}"
    return [
        Heading(text="Budgets"),
        Field(key="budgets", label="budgets in", value=kind, choices=tuple(BUDGETS), closed=True,
              changed=any(is_changed(draft, now.base, key) for key in BUDGETS.values())),
        field_of(draft, now, BUDGETS[kind], "each rung on", span),
    ]  # fmt: skip


def _plain(draft: Draft, now: Planned, key: str, label: str, what: str) -> Field:
    choices = _choices(key)
    value = said(draft, now.base, key)
    if key == "model.context" and said(draft, now.base, TASK) != LM:
        what += "; longer pairs are left out"
    return field_of(draft, now, key, label, _SAYS.get(value, what), choices, closed=bool(choices))


def _choices(key: str) -> tuple[str, ...]:
    """The words that a field takes, where it takes words."""
    table, _, name = key.partition(".")
    if table not in _TABLES:
        return ()
    annotation = _TABLES[table].model_fields[name].annotation
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


__all__ = ["MORE", "SHAPES", "SPAN", "TARGETS", "rows_of"]
