"""A plan while it is edited: a preset and what was changed in it, as the very words that `--set` takes.

Every value goes through `preset_files.load`, so that the command shown is the plan shown. It knows no screen.
"""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from scalelab import preset_files
from scalelab.errors import BadInput
from scalelab.lab.paths import lab_paths
from scalelab.plan import Plan, choose_device, make_plan
from scalelab.preset import Preset
from scalelab.records import DeviceInfo
from scalelab.units import format_count, parse_count

SHAPES, TARGETS, SPAN = "shapes", "targets for N", "from–to–count"
LADDERS = {SHAPES: ("ladder.shapes",), TARGETS: ("ladder.params",), SPAN: ("ladder.from", "ladder.to", "ladder.rungs")}
"""Ways to say a ladder, and their fields."""
BUDGETS = {"tokens": "budgets.tokens", "tokens per N": "budgets.tokens_per_param", "FLOPs": "budgets.flops"}
"""Ways to say the budgets, and their fields."""
TOGETHER = (LADDERS[SPAN],)
"""Fields that mean something only together."""
LISTS = frozenset({"seeds", "ladder.shapes", "ladder.params", *BUDGETS.values()})
"""Fields of several values with commas between them."""
WORDS = frozenset({"corpus.source", "corpus.text_column", "corpus.tokenizer"})
"""Fields of free text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the person has said so far."""

    base: str
    """A shipped preset's name or a .toml file."""
    edits: Mapping[str, str] = field(default_factory=dict)
    """Field → its new value, as it was typed; a field without one is as the preset has it."""
    lab: str = ""
    """The folder to train in; empty: the first free one of the preset's name."""
    touched: str = ""
    """The field that was changed last: what cannot be planned any more is its fault."""

    def put(self, key: str, text: str) -> Draft:
        """With another value; an empty one goes back to the preset's."""
        edits = {name: value for name, value in self.edits.items() if name != key}
        if text.strip():
            edits[key] = text.strip()
        return replace(self, edits=edits, touched=key)

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


def planned(draft: Draft, devices: Sequence[DeviceInfo] | None) -> Planned:
    """The plan of a draft on one of these devices, or what is wrong with it. None: they are not known yet."""
    problems: dict[str, str] = {}
    base = _loaded(draft.base, (), problems, "preset")
    sets = tuple(_set(key, value) for key, value in draft.edits.items() if base and _differs(draft, base, key))
    preset = None
    if base is not None:
        problems |= _each(draft, base)
        if not problems:
            preset = _loaded(draft.base, sets, problems, draft.touched)
    plan = None
    if preset is not None and devices is not None:
        try:
            plan = _plan(preset.model_dump_json(by_alias=True), tuple(devices))
        except BadInput as problem:
            wrong_device = problem.what.startswith("hardware.device")
            problems["hardware.device" if wrong_device else draft.touched or "preset"] = problem.line()
    lab = _folder(draft, preset or base, problems)
    words = ["scalelab", "run", "--preset", draft.base]
    words += [word for each in sets for word in ("--set", each)]
    words += [] if lab is None else ["--lab", short_path(lab)]
    return Planned(base=base, preset=preset, plan=plan, problems=problems, sets=sets, lab=lab,
                   command=shlex.join(words))  # fmt: skip


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


def free_lab(name: str) -> str:
    """The first folder of this name that holds no lab."""
    number, root = 1, Path("labs") / name
    while root.exists():
        number += 1
        root = Path("labs") / f"{name}-{number}"
    return str(root)


def save(preset: Preset, path: str) -> Path:
    """Write a preset to a new file.

    Raises
    ------
    BadInput
        The name is no file for a preset, something is there already, or it cannot be written.
    """
    text = path.strip()
    file = Path(text if text.endswith(".toml") else f"{text}.toml")
    if not text or "\0" in text:
        raise BadInput("a preset needs a name", allowed="my-ladder, or presets/my-ladder.toml")
    if file.exists():
        raise BadInput(f"{file} is there already", todo="choose another name")
    named = preset_files.parse({**preset.model_dump(exclude_none=True, by_alias=True), "name": file.stem}, file.stem)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(preset_files.dumps(named))
    except OSError as problem:
        raise BadInput(f"{file} cannot be written", todo=(problem.strerror or "").lower()) from None
    return file


def _each(draft: Draft, base: Preset) -> dict[str, str]:
    """What is wrong with each edit alone; fields that belong together are tried together."""
    problems: dict[str, str] = {}
    grouped = [group for group in TOGETHER if any(key in draft.edits for key in group)]
    alone = [(key,) for key in draft.edits if not any(key in group for group in grouped)]
    for group in (*grouped, *alone):
        sets = [_set(key, draft.edits.get(key) or value_of(base, key)) for key in group]
        lost = [key for key, each in zip(group, sets, strict=True) if each.endswith("=")]
        if lost:
            problems[lost[0]] = "is missing: a span needs from, to and a count"
            continue
        try:
            preset_files.load(draft.base, sets)
        except BadInput as problem:
            told = _without_name(problem, draft.base)
            guilty = next((key for key in group if told.startswith(key)), None)
            problems[guilty or (draft.touched if draft.touched in group else group[0])] = told
    return problems


def _loaded(base: str, sets: Sequence[str], problems: dict[str, str], blame: str) -> Preset | None:
    try:
        return preset_files.load(base, sets)
    except BadInput as problem:
        problems[blame or "preset"] = _without_name(problem, base)
        return None


def _without_name(problem: BadInput, base: str) -> str:
    return problem.line().removeprefix(f"preset {base}: ")


def _differs(draft: Draft, base: Preset, key: str) -> bool:
    try:
        alone = preset_files.load(draft.base, [_set(key, draft.edits[key])])
    except BadInput:
        return True
    return alone != base


@lru_cache(maxsize=64)
def _plan(text: str, devices: tuple[DeviceInfo, ...]) -> Plan:
    """Of a preset's JSON: going back and forth between values costs nothing."""
    preset = Preset.model_validate_json(text)
    return make_plan(preset, choose_device(preset.hardware, list(devices)))


def _set(key: str, text: str) -> str:
    """What stands after `--set`; free text that TOML takes for a number or a truth is quoted."""
    if key in LISTS:
        return f"{key}={','.join(filter(None, items(text)))}"
    if key not in WORDS:
        return f"{key}={text}"
    try:
        tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return f"{key}={json.dumps(text)}" if text.lower() in {"null", "none"} else f"{key}={text}"
    return f"{key}={json.dumps(text)}"


def _folder(draft: Draft, preset: Preset | None, problems: dict[str, str]) -> Path | None:
    if preset is None:
        return None
    try:
        root = lab_paths(draft.lab or free_lab(preset.name)).root
    except BadInput as problem:
        problems["lab"] = problem.line()
        return None
    if lab_paths(root).exists:
        problems["lab"] = "there is a lab already: open it, or choose another folder"
    elif root.exists() and not root.is_dir():
        problems["lab"] = "there is a file of that name: choose another folder"
    return root


def short_path(path: Path) -> str:
    """A path below here as people type it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def _get(preset: Preset | None, key: str) -> Any:
    found: Any = preset
    for part in key.split("."):
        found = getattr(found, "from_" if part == "from" else part, None)
    return found
