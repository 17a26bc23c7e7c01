"""Groups while they are typed: tables of text, written as the one line that `--set groups=` takes. Knows no screen."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from scalelab.preset import GroupSpec, Preset
from scalelab.tui.views.draft import Draft, items, whole, written

KEY = "groups"
NAME, RECIPES, COPIES = "name", "augment", "copies"
FIELDS = (NAME, "source", RECIPES, COPIES, "unique_tokens")
"""Of one group, as the preset calls them."""
OF_TEXT = (RECIPES, COPIES, "unique_tokens")
"""Fields that make the training text another than the corpus's own."""
FIRST = "plain"
"""What the first group is called until it is named."""
_PLACE = re.compile(r"groups\[(\d+)\](?:\.(\w+))?")
_LONGEST_NAME = 24
_Table = dict[str, Any]


def key_of(place: int, field: str = NAME) -> str:
    """The field of a group: "groups[2].copies"."""
    return f"{KEY}[{place}].{field}"


def place_of(key: str) -> tuple[int, str] | None:
    """The place and the field that a key says; None where it is of no group."""
    found = _PLACE.match(key)
    if found is None:
        return None
    return int(found[1]), found[2] if found[2] in FIELDS else NAME


def groups_of(draft: Draft, base: Preset | None) -> list[_Table]:
    """The groups as they are typed, each with the fields that are given."""
    text = draft.edits.get(KEY)
    if text is not None:
        return [dict(group) for group in _read(text)]
    return [] if base is None else [_table(group) for group in base.groups]


@lru_cache(maxsize=64)
def _read(text: str) -> Sequence[Mapping[str, Any]]:
    """The groups of a line that `line` wrote."""
    return tuple(tomllib.loads(f"{KEY} = {text}")[KEY])


def text_in(group: Mapping[str, Any], field: str) -> str:
    """One field of a group as it is typed."""
    value = group.get(field, "")
    return ", ".join(value) if isinstance(value, list) else str(value)


def line(groups: Sequence[Mapping[str, Any]]) -> str:
    """Groups as TOML in one line."""
    tables = (", ".join(f"{field} = {_toml(value)}" for field, value in group.items()) for group in groups)
    return "[" + ", ".join(f"{{{table}}}" for table in tables) + "]"


def with_text(draft: Draft, base: Preset | None, key: str, text: str) -> Draft:
    """With another value in one field of a group; an empty one is as if it had never been given."""
    groups, found = groups_of(draft, base), place_of(key)
    if found is None or found[0] >= len(groups):
        return draft
    place, field = found
    value = _value(field, text.strip())
    kept = {name: each for name, each in groups[place].items() if name != field}
    groups[place] = {name: each for name in FIELDS if (each := value if name == field else kept.get(name)) is not None}
    return _with(draft, groups, key)


def with_more(draft: Draft, base: Preset | None, key: str) -> tuple[Draft, str]:
    """With a group like the one of this field behind it, under a name of its own; and its field."""
    groups, found = groups_of(draft, base), place_of(key)
    place = min(found[0] if found is not None else len(groups), len(groups) - 1)
    like = groups[place] if groups else {NAME: FIRST}
    names = {text_in(group, NAME) for group in groups}
    groups.insert(place + 1, {**like, NAME: _free(text_in(like, NAME), names)})
    new = key_of(place + 1)
    return _with(draft, groups, new), new


def without(draft: Draft, base: Preset | None, key: str) -> tuple[Draft, str]:
    """Without the group of this field, or of a detail without what it says; and the field where it was."""
    groups, found = groups_of(draft, base), place_of(key)
    if found is None or found[0] >= len(groups):
        return draft, key
    place, field = found
    if field != NAME:
        return with_text(draft, base, key, ""), key
    del groups[place]
    here = key_of(min(place, len(groups) - 1)) if groups else KEY
    return _with(draft, groups, here), here


def reverted(draft: Draft, base: Preset | None, key: str) -> Draft:
    """With a group as the preset has it in that place, or all of them; a detail as its group of that name has it."""
    found, groups, before = place_of(key), groups_of(draft, base), () if base is None else base.groups
    if found is None or (found[1] == NAME and found[0] >= len(before)):
        return draft.put(KEY, "")
    if found[1] == NAME:
        groups[found[0]] = _table(before[found[0]])
        return _with(draft, groups, key)
    group = groups[found[0]]
    return with_text(draft, base, key, text_in(_before(base, text_in(group, NAME)), found[1]))


def is_changed(group: Mapping[str, Any], base: Preset | None, field: str) -> bool:
    """Whether a field of a group is not as the preset has it."""
    return text_in(group, field) != text_in(_before(base, text_in(group, NAME)), field)


def guilty(groups: Sequence[Mapping[str, Any]]) -> str:
    """The field that breaks a rule between the fields of a group, or between groups; empty where none does."""
    names = [text_in(group, NAME) for group in groups]
    for place, group in enumerate(groups):
        if names[place] in names[:place]:
            return key_of(place)
        copies = group.get(COPIES, 1)
        if isinstance(copies, int) and copies > 1 and not group.get(RECIPES):
            return key_of(place, COPIES)
    return ""


def changed_text(groups: Sequence[Mapping[str, Any]]) -> str:
    """The first field that makes the training text another than the corpus's own; empty where there is none."""
    for place, group in enumerate(groups):
        for field in OF_TEXT:
            if field in group:
                return key_of(place, field)
    return ""


def _with(draft: Draft, groups: Sequence[Mapping[str, Any]], touched: str) -> Draft:
    return replace(draft.put(KEY, line(groups)), touched=touched)


def _table(group: GroupSpec) -> _Table:
    values = group.model_dump(exclude_defaults=True)
    if group.unique_tokens is not None:
        values["unique_tokens"] = written(group.unique_tokens)
    return {field: values[field] for field in FIELDS if field in values}


def _before(base: Preset | None, name: str) -> _Table:
    return next((_table(group) for group in (base.groups if base else ()) if group.name == name), {})


def _value(field: str, text: str) -> Any:
    """A field as the preset wants it where the text can be that; None where it is to be left out."""
    if field == RECIPES:
        return list(filter(None, items(text))) or None
    if field == COPIES and (copies := whole(text)) is not None:
        return copies
    return text if text or field == NAME else None


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # A string of JSON is one of TOML but for surrogate pairs, which are not made here, and DEL.
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _free(name: str, taken: set[str]) -> str:
    """A name like this one that no group has."""
    if name not in taken:
        return name
    stem = re.sub(r"-\d+$", "", name)
    number = 2
    while (found := f"{stem[: _LONGEST_NAME - len(str(number)) - 1]}-{number}") in taken:
        number += 1
    return found
