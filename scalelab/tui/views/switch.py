"""Edits that touch more than one field of a draft: another way to say ladder or budgets, a rung more or less."""

from __future__ import annotations

from collections.abc import Sequence

from scalelab.tui.views.draft import (
    BUDGETS,
    LADDERS,
    SHAPES,
    SPAN,
    Draft,
    Planned,
    budget_kind,
    items,
    ladder_kind,
    said,
    whole,
    written,
)
from scalelab.units import format_count

_LADDER_KEYS = tuple(key for keys in LADDERS.values() for key in keys)
_BUDGET_KEYS = tuple(BUDGETS.values())


def with_ladder(draft: Draft, now: Planned, kind: str) -> Draft:
    """The same sizes said another way, as nearly as they can be."""
    made = [] if now.plan is None else list(now.plan.rungs)
    if kind == ladder_kind(now, draft) or not made:
        return draft
    sizes = [format_count(rung.counts.n_params) for rung in made]
    if kind == SHAPES:
        new = {"ladder.shapes": ", ".join(rung.name for rung in made)}
    elif kind == SPAN:
        least, most = sizes[0], sizes[-1] if len(sizes) > 1 else written(10.0 * made[0].counts.n_params)
        new = {"ladder.from": least, "ladder.to": most, "ladder.rungs": str(max(len(sizes), 2))}
    else:
        new = {"ladder.params": ", ".join(sizes)}
    return draft.instead(_LADDER_KEYS, new, "ladder")


def with_budgets(draft: Draft, now: Planned, kind: str) -> Draft:
    """Budgets said another way: those of the ladder's middle rung."""
    plan = now.plan
    if kind == budget_kind(now, draft) or plan is None:
        return draft
    rung = plan.rungs[len(plan.rungs) // 2]
    tokens = sorted({cell.n_tokens for cell in plan.cells if cell.rung == rung.name})
    each = {"tokens": 1.0, "tokens per N": 1.0 / rung.counts.n_params, "FLOPs": rung.flops_per_token}[kind]
    told = dict.fromkeys(format_count(count * each, 2) for count in tokens)
    return draft.instead(_BUDGET_KEYS, {BUDGETS[kind]: ", ".join(told)}, "budgets")


def rung_key(key: str) -> tuple[str, int] | None:
    """The list and the place in it that a field of the ladder is: "ladder.shapes[2]" → ("ladder.shapes", 2)."""
    name, bracket, rest = key.partition("[")
    return (name, int(rest.removesuffix("]"))) if bracket and name.startswith("ladder.") else None


def with_rung(draft: Draft, now: Planned, key: str, text: str) -> Draft:
    """With another value for one rung."""
    found = rung_key(key)
    if found is None:
        return draft
    name, place = found
    every = items(said(draft, now.base, name))
    every[place] = text.replace(",", " ").strip()
    return draft.put(name, ", ".join(every) if any(every) else "")


def with_more(draft: Draft, now: Planned, key: str) -> tuple[Draft, str]:
    """With a rung more behind the one of this field, twice as large or between it and the next; and its field."""
    kind = ladder_kind(now, draft)
    if kind == SPAN:
        count = items(said(draft, now.base, "ladder.rungs"))
        number = (whole(count[0]) if count else None) or 1
        return draft.put("ladder.rungs", str(number + 1)), "ladder.rungs"
    name = LADDERS[kind][0]
    every = items(said(draft, now.base, name))
    if not every:  # no preset, no ladder
        return draft, key
    found = rung_key(key)
    place = found[1] if found is not None and found[0] == name else len(every) - 1
    every.insert(place + 1, _next(every, place, kind))
    return draft.put(name, ", ".join(every)), f"{name}[{place + 1}]"


def without(draft: Draft, now: Planned, key: str) -> tuple[Draft, str]:
    """Without the rung of this field, and the field where it was; the last one stays."""
    found = rung_key(key)
    if found is None:
        return draft, key
    name, place = found
    every = items(said(draft, now.base, name))
    if len(every) < 2:
        return draft, key
    del every[place]
    return draft.put(name, ", ".join(every)), f"{name}[{min(place, len(every) - 1)}]"


def next_shape(every: Sequence[str]) -> str:
    """A rung beyond the last of these, which the ladder has not."""
    return _next(list(every), len(every) - 1, SHAPES)


def _next(every: list[str], place: int, kind: str) -> str:
    """A rung that the ladder has not: half-way to the next one, or beyond the last."""
    here, after = every[place], every[place + 1] if place + 1 < len(every) else ""
    if kind != SHAPES:
        low, high = _size(here), _size(after)
        return format_count((low * high) ** 0.5 if high else 2 * low, 2) if low else here
    (width, depth), (wide, _) = _shape(here), _shape(after)
    if not width:
        return here
    new = (width + wide) // 2 // 8 * 8 if wide > width + 8 else 2 * width
    deep = depth if wide > width + 8 else max(depth, new // 64 or 1)
    while f"{new}x{deep}" in every:
        new += 8
    return f"{new}x{deep}"


def _shape(text: str) -> tuple[int, int]:
    wide, _, deep = text.partition("x")
    width, depth = whole(wide), whole(deep)
    return (width, depth) if width is not None and depth is not None else (0, 0)


def _size(text: str) -> float:
    from scalelab.errors import BadInput
    from scalelab.units import parse_count

    try:
        return parse_count(text)
    except BadInput:
        return 0.0
