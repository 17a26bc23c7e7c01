"""What comes of a draft: the preset, its plan, what is wrong at which field, and the command line that does the same.

Every value goes through `preset_files.load`, so that the command shown is the plan shown. It knows no screen.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import tomllib
from collections.abc import Container, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from scalelab import preset_files
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.lab.paths import lab_paths
from scalelab.plan import Plan, choose_device, make_plan
from scalelab.preset import Preset
from scalelab.records import DeviceInfo
from scalelab.tui.views import grouping, tasks
from scalelab.tui.views.draft import BUDGETS, LADDERS, SPAN, Draft, Planned, items, said, short_path
from scalelab.tui.views.there import missing

TOGETHER = (LADDERS[SPAN], tasks.MEANT)
"""Fields that mean something only together."""
LISTS = frozenset({"seeds", "ladder.shapes", "ladder.params", *BUDGETS.values()})
"""Fields of several values with commas between them."""
WORDS = frozenset({"corpus.source", "corpus.text_column", "corpus.tokenizer"})
"""Fields of free text."""
_RUNG = re.compile(r"(ladder\.(?:shapes|params))\[(\d+)\]")
"""How what is said of one rung begins."""


def planned(draft: Draft, devices: Sequence[DeviceInfo] | None) -> Planned:
    """The plan of a draft on one of these devices, or what is wrong with it. None: they are not known yet."""
    problems: dict[str, str] = {}
    base, wrong = _loaded(draft.base)
    if wrong:
        problems["preset"] = "; ".join(wrong)
    sets = _sets(draft, base)
    preset = None
    if base is not None:
        problems |= _each(draft, base)
        if not problems:
            preset, wrong = _loaded(draft.base, *sets)
            if wrong:
                problems[draft.touched or "preset"] = "; ".join(wrong)
    plan = None
    if preset is not None and devices is not None:
        try:
            plan = _plan(preset.model_dump_json(by_alias=True), tuple(devices))
        except BadInput as problem:
            wrong_device = problem.what.startswith("hardware.device")
            problems["hardware.device" if wrong_device else draft.touched or "preset"] = problem.line()
    if preset is not None:
        problems |= missing(preset)
    lab = _folder(draft, preset or base, problems)
    return Planned(base=base, preset=preset, plan=plan, problems=problems, sets=sets, lab=lab,
                   command=_command(draft, sets, lab))  # fmt: skip


def _command(draft: Draft, sets: Sequence[str], lab: Path | None) -> str:
    words = ["scalelab", "run", "--preset", draft.base]
    words += [word for each in sets for word in ("--set", each)]
    return shlex.join(words + ([] if lab is None else ["--lab", short_path(lab)]))


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
    file = preset_file(path)
    named = preset_files.parse({**preset.model_dump(exclude_none=True, by_alias=True), "name": file.stem}, file.stem)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(preset_files.dumps(named))
    except OSError as problem:
        raise BadInput(f"{file} cannot be written", todo=(problem.strerror or "").lower()) from None
    return file


def preset_file(path: str) -> Path:
    """The new file that a preset is to be written to; its stem is what the preset is called.

    Raises
    ------
    BadInput
        The name is no file for a preset, or something is there already.
    """
    text = path.strip()
    file = Path(text if text.endswith(".toml") else f"{text}.toml")
    if not text or "\0" in text:
        raise BadInput("a preset needs a name", allowed="my-ladder, or presets/my-ladder.toml")
    smallest = {"ladder": {"shapes": ["8x1"]}, "budgets": {"tokens": ["20k"]}}
    preset_files.parse({**smallest, "name": file.stem}, file.stem)
    try:
        there = file.exists()
    except OSError as problem:
        raise BadInput(f"{file} cannot be written", todo=(problem.strerror or "").lower()) from None
    if there:
        raise BadInput(f"{file} is there already", todo="choose another name")
    return file


def is_lab(root: str) -> bool:
    """Whether there is a lab in this folder."""
    try:
        return bool(root) and lab_paths(Path(root)).exists
    except (BadInput, OSError):
        return False


def unfinished(drafts: Iterable[Draft], starting: Container[Path] = ()) -> list[str]:
    """What is said at leaving of plans that were edited and neither saved nor started: the command that is the plan."""
    told = []
    for draft in drafts:
        with contextlib.suppress(OSError):  # the folder from which all this is seen may be gone
            sets = _sets(draft, _loaded(draft.base)[0])
            if sets and not is_lab(draft.started) and Path(draft.started) not in starting:
                command = _command(draft, sets, Path(draft.lab) if draft.lab else None)
                told.append(f"a plan that was not started: {clean(command, 8_000)}")
    return told


def _each(draft: Draft, base: Preset) -> dict[str, str]:
    """What is wrong with each edit alone; fields that belong together are tried together."""
    problems: dict[str, str] = {}
    grouped = [keys for keys in TOGETHER if any(key in draft.edits for key in keys)]
    alone = [(key,) for key in draft.edits if not any(key in keys for keys in grouped)]
    for keys in (*grouped, *alone):
        # A span is said whole or not at all; of the others the preset has what is not edited.
        told = {key: said(draft, base, key) for key in keys if keys == LADDERS[SPAN] or key in draft.edits}
        lost = [key for key, text in told.items() if not text]
        if lost:
            span = keys == LADDERS[SPAN]
            needed = "a span needs from, to and a count" if span else "left empty it goes back to the preset's"
            problems |= dict.fromkeys(lost, f"is missing: {needed}")
            continue
        _, wrong = _loaded(draft.base, *(_set(key, text) for key, text in told.items()))
        for words in wrong:
            field = _guilty(draft, base, keys, words)
            problems[field] = "; ".join(filter(None, (problems.get(field), words)))
    return problems


def _guilty(draft: Draft, base: Preset, keys: Sequence[str], words: str) -> str:
    """The field, of some that belong together, that this is said of."""
    found = grouping.place_of(words)
    if found is not None:
        return grouping.key_of(*found)
    if (rung := _RUNG.match(words)) is not None:
        typed = [place for place, text in enumerate(items(said(draft, base, rung[1]))) if text]
        return f"{rung[1]}[{typed[int(rung[2])]}]"
    named = next((key for key in keys if words.startswith(key)), "")
    if named == grouping.KEY:  # too many of them
        named = grouping.key_of(len(grouping.groups_of(draft, base)) - 1)
    if keys == tasks.MEANT:
        named = named or tasks.guilty(draft, base)
    return named or (draft.touched if draft.touched in keys else keys[0])


def _loaded(base: str, *sets: str) -> tuple[Preset | None, tuple[str, ...]]:
    """A preset with these differences, or all that is wrong with it."""
    try:
        changed = os.stat(base).st_mtime_ns if base.endswith(".toml") else 0
    except (OSError, ValueError):
        changed = 0
    return _read(base, sets, changed)


@lru_cache(maxsize=512)
def _read(base: str, sets: tuple[str, ...], changed: int) -> tuple[Preset | None, tuple[str, ...]]:
    """At every key all edits are read but one as at the key before."""
    try:
        return preset_files.load(base, sets), ()
    except preset_files.BadPreset as problem:
        return None, problem.each
    except BadInput as problem:
        return None, (problem.line(),)


def _sets(draft: Draft, base: Preset | None) -> tuple[str, ...]:
    """The differences to the preset, each as it stands after `--set`."""
    return tuple(_set(key, value) for key, value in draft.edits.items() if base and _differs(draft, base, key))


def _differs(draft: Draft, base: Preset, key: str) -> bool:
    return _loaded(draft.base, _set(key, draft.edits[key]))[0] != base


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
        there, blocked = lab_paths(root).exists, root.exists() and not root.is_dir()
    except BadInput as problem:
        problems["lab"] = problem.line()
        return None
    except OSError as problem:  # no name that this file system takes, or a folder that nobody may look into
        problems["lab"] = (problem.strerror or "cannot be looked at").lower()
        return None
    if there:
        problems["lab"] = "there is a lab already: open it, or choose another folder"
    elif blocked:
        problems["lab"] = "there is a file of that name: choose another folder"
    return root
