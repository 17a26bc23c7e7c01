"""Edits that touch more than one field of a draft: another way to say ladder or budgets, a rung more or less.

What is said another way is rounded, so each way keeps its own words while all of them mean the same: whoever looks at
every way in turn is back where he began.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from scalelab.plan import Plan, Rung
from scalelab.tui.views.draft import (
    BUDGETS,
    LADDERS,
    SHAPES,
    SPAN,
    WAYS,
    Draft,
    Planned,
    budget_kind,
    is_empty,
    items,
    ladder_kind,
    rungs,
    said,
    value_of,
    whole,
    written,
)
from scalelab.units import format_count

_LADDER_KEYS = tuple(key for keys in LADDERS.values() for key in keys)
_BUDGET_KEYS = tuple(BUDGETS.values())
_SIZED_BY = ("model.architecture", "model.head_dim", "corpus.tokenizer", "task")
"""Fields beside the ladder that change what a shape's N is."""


def with_ladder(draft: Draft, now: Planned, kind: str) -> Draft:
    """The same sizes said another way, as nearly as they can be; without a plan only as they were said before."""
    was, plan = ladder_kind(now, draft), now.plan
    if kind == was:
        return draft
    meant = repr([draft.edits.get(key) for key in _SIZED_BY])
    new = None if plan is None else lambda: _sizes(plan, kind)
    return _turned(draft, tuple(LADDERS), was, kind, meant, new)


def _sizes(plan: Plan, kind: str) -> dict[str, str]:
    made = plan.rungs
    sizes = [format_count(rung.counts.n_params) for rung in made]
    if kind == SHAPES:
        return {"ladder.shapes": ", ".join(rung.name for rung in made)}
    if kind == SPAN:
        least, most = sizes[0], sizes[-1] if len(sizes) > 1 else written(10.0 * made[0].counts.n_params)
        return {"ladder.from": least, "ladder.to": most, "ladder.rungs": str(max(len(sizes), 2))}
    return {"ladder.params": ", ".join(sizes)}


def with_budgets(draft: Draft, now: Planned, kind: str) -> Draft:
    """Budgets said another way: those of the ladder's middle rung; without a plan only as they were said before."""
    was, plan = budget_kind(now, draft), now.plan
    if kind == was:
        return draft
    if plan is None:
        before = (each.partition(" of ") for each in draft.aside)
        meant = next((of for each, _, of in before if each in BUDGETS), "")
        return _turned(draft, tuple(BUDGETS), was, kind, meant, None)
    rung = plan.rungs[len(plan.rungs) // 2]
    meant = repr((rung.counts.n_params, rung.flops_per_token))
    return _turned(draft, tuple(BUDGETS), was, kind, meant, lambda: _budgets(plan, rung, kind))


def _budgets(plan: Plan, rung: Rung, kind: str) -> dict[str, str]:
    tokens = sorted({cell.n_tokens for cell in plan.cells if cell.rung == rung.name})
    each = {"tokens": 1.0, "tokens per N": 1.0 / rung.counts.n_params, "FLOPs": rung.flops_per_token}[kind]
    told = dict.fromkeys(format_count(count * each, 2) for count in tokens)
    return {BUDGETS[kind]: ", ".join(told)}


def _turned(
    draft: Draft, kinds: Sequence[str], was: str, kind: str, meant: str, new: Callable[[], dict[str, str]] | None
) -> Draft:
    """Said in another way: as it was said before while nothing was edited since and `meant` is the same, else anew."""
    name, keys = ("ladder", _LADDER_KEYS) if was in LADDERS else ("budgets", _BUDGET_KEYS)
    here = {key: draft.edits[key] for key in keys if key in draft.edits}
    known = {each: draft.aside.get(f"{each} of {meant}") for each in kinds}
    if known[was] != here:
        known = {was: here}
    words = known.get(kind)
    if words is None:
        if new is None:
            return draft
        words = known[kind] = new()
    others = {each: edits for each, edits in draft.aside.items() if each.partition(" of ")[0] not in kinds}
    aside = {f"{each} of {meant}": edits for each, edits in known.items() if edits is not None}
    return replace(draft.instead(keys, words, name), aside=others | aside)


def with_text(draft: Draft, key: str, text: str, *, done: bool) -> Draft:
    """With another value of a plain field; one that says ladder or budgets may be empty until it is typed."""
    return draft.put(key, text) if done or text.strip() or key not in WAYS else draft.emptied(key)


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
    every = rungs(draft, now.base, name)
    every[place] = text.replace(",", " ").strip()
    return with_text(draft, name, ", ".join(every), done=False)


def reverted(draft: Draft, now: Planned, key: str) -> Draft:
    """With a rung, or a field of a span, as the preset has it in that place; where it has none, with its ladder."""
    found = rung_key(key)
    if found is not None:
        before = items(value_of(now.base, found[0]))
        if found[1] < len(before):
            return with_rung(draft, now, key, before[found[1]])
    elif key in LADDERS[SPAN] and value_of(now.base, key):
        return draft.put(key, "")
    return draft.instead(_LADDER_KEYS, {}, key)


def with_more(draft: Draft, now: Planned, key: str) -> tuple[Draft, str]:
    """With a rung more behind the one of this field, twice as large or between it and the next; and its field."""
    kind = ladder_kind(now, draft)
    if kind == SPAN:
        count = items(said(draft, now.base, "ladder.rungs"))
        number = (whole(count[0]) if count else None) or 1
        return draft.put("ladder.rungs", str(number + 1)), "ladder.rungs"
    name = LADDERS[kind][0]
    every = rungs(draft, now.base, name)
    if not every:  # no preset, no ladder
        return draft, key
    found = rung_key(key)
    place = found[1] if found is not None and found[0] == name else len(every) - 1
    every.insert(place + 1, _next(every, place, kind))
    return draft.put(name, ", ".join(every)), f"{name}[{place + 1}]"


def without(draft: Draft, now: Planned, key: str) -> tuple[Draft, str]:
    """Without the rung of this field, and the field where it was; the last one stays, or is the preset's if empty."""
    found = rung_key(key)
    if found is None:
        return draft, key
    name, place = found
    every = rungs(draft, now.base, name)
    if len(every) < 2:
        return (draft.put(name, ""), "ladder") if is_empty(draft, name) else (draft, key)
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
