"""A plan while it is edited: a preset and what was changed in it, as the very words that `--set` takes.

What comes of it stands in `planning.py`. It knows no screen.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scalelab.plan import Plan
from scalelab.preset import Preset
from scalelab.units import format_count, parse_count

SHAPES, TARGETS, SPAN = "shapes", "targets for N", "from–to–count"
LADDERS = {SHAPES: ("ladder.shapes",), TARGETS: ("ladder.params",), SPAN: ("ladder.from", "ladder.to", "ladder.rungs")}
"""Ways to say a ladder, and their fields."""
BUDGETS = {"tokens": "budgets.tokens", "tokens per N": "budgets.tokens_per_param", "FLOPs": "budgets.flops"}
"""Ways to say the budgets, and their fields."""
WAYS = (*(key for keys in LADDERS.values() for key in keys), *BUDGETS.values())
"""Fields of which one that is there says in which way ladder or budgets are meant."""
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the person has said so far."""

    base: str
    """A shipped preset's name or a .toml file."""
    edits: Mapping[str, str] = field(default_factory=dict)
    """Field → its new value, as it was typed; a field without one is as the preset has it. One of ladder or budgets is
    empty while nothing is typed into it yet: it still is the way in which they are said."""
    lab: str = ""
    """The folder to train in; empty: the first free one of the preset's name."""
    touched: str = ""
    """The field that was changed last: what cannot be planned any more is its fault."""
    aside: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What was left for another → its edits: tasks, and ways to say the ladder or the budgets."""
    started: str = ""
    """The lab that was asked for with these values."""

    def put(self, key: str, text: str) -> Draft:
        """With another value; an empty one goes back to the preset's."""
        edits = {name: value for name, value in self.edits.items() if name != key}
        if text.strip():
            edits[key] = text.strip()
        return replace(self, edits=edits, touched=key)

    def emptied(self, key: str) -> Draft:
        """With nothing in a field that says ladder or budgets, while it is typed anew."""
        return replace(self, edits={**self.edits, key: ""}, touched=key)

    def instead(self, group: Sequence[str], new: Mapping[str, str], touched: str) -> Draft:
        """With one way of saying something in place of the others."""
        edits = {name: value for name, value in self.edits.items() if name not in group}
        return replace(self, edits={**edits, **new}, touched=touched)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What comes of a draft."""

    base: Preset | None
    preset: Preset | None
    """With every edit; None where one cannot serve."""
    plan: Plan | None
    problems: Mapping[str, str]
    """Field → why it cannot serve; "preset" for the preset itself, "lab" for the folder."""
    sets: tuple[str, ...]
    """The differences to the preset, each as `key=value`."""
    lab: Path | None
    command: str
    """The line for a shell that trains this plan."""


def said(draft: Draft, base: Preset | None, key: str) -> str:
    """A field as it stands in the form."""
    text = draft.edits.get(key, "")
    return text if text or is_empty(draft, key) else value_of(base, key)


def is_empty(draft: Draft, key: str) -> bool:
    """Whether nothing stands in a field that says ladder or budgets, and no value of the preset is meant."""
    return key in WAYS and draft.edits.get(key) == ""


def rungs(draft: Draft, base: Preset | None, key: str) -> list[str]:
    """The rungs as they are typed; the only one may be empty."""
    return items(said(draft, base, key)) or ([""] if is_empty(draft, key) else [])


def is_changed(draft: Draft, base: Preset | None, key: str) -> bool:
    """Whether a field was given another value than the preset's; the same one typed again is none."""
    return key in draft.edits and items(draft.edits[key]) != items(value_of(base, key))


def value_of(preset: Preset | None, key: str) -> str:
    """A field of a preset as it is written in a form: exact, and empty where it is unset."""
    found = _get(preset, key)
    if isinstance(found, list):
        return ", ".join(written(each) for each in found)
    return "" if found is None else written(found)


def written(value: Any) -> str:
    """One value, short where that loses nothing: 150000.0 → "150k"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and value >= 1000:
        short = (format_count(value, digits) for digits in range(3, 16))
        exact = next((text for text in short if parse_count(text) == value), "")
        return exact if exact and len(exact) <= len(f"{value:.15g}") else f"{value:.17g}"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def ladder_kind(planned_: Planned, draft: Draft) -> str:
    """How the ladder is said now."""
    for kind, keys in LADDERS.items():
        if any(key in draft.edits for key in keys):
            return kind
    return next((kind for kind, keys in LADDERS.items() if _get(planned_.base, keys[0]) is not None), SHAPES)


def budget_kind(planned_: Planned, draft: Draft) -> str:
    """How the budgets are said now."""
    for kind, key in BUDGETS.items():
        if key in draft.edits:
            return kind
    return next((kind for kind, key in BUDGETS.items() if _get(planned_.base, key) is not None), "tokens")


def items(text: str) -> list[str]:
    """The parts of a list as it is typed."""
    return [part.strip() for part in text.split(",")] if text.strip() else []


def whole(text: str) -> int | None:
    """A whole number as it is typed; None where it is none, or longer than any that is meant."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def short_path(path: Path) -> str:
    """A path below here as people type it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _get(preset: Preset | None, key: str) -> Any:
    found: Any = preset
    for part in key.split("."):
        found = getattr(found, "from_" if part == "from" else part, None)
    return found
