"""What a preset names on this machine and is not there: files of text or recipes, a tokenizer. Reads none of them."""

from __future__ import annotations

import fnmatch
import glob
import itertools
import os

from scalelab.errors import BadInput, did_you_mean
from scalelab.gate import clean
from scalelab.pairing import pair_name
from scalelab.preset import Preset
from scalelab.recipe import parse_recipe
from scalelab.tui.views import grouping, tasks

MOST = 10_000
"""Files of a folder that are looked at, at every key."""
_FILES = "files:"
_PATHS = ("/", ".", "~")


def missing(preset: Preset) -> dict[str, str]:
    """Field → what it names that is not there."""
    found = {}
    if not preset.groups or any(group.source is None for group in preset.groups):
        found[tasks.SOURCE] = _of_source(preset.corpus.source, preset.task)
    for place, group in enumerate(preset.groups):
        if group.source is not None:
            found[grouping.key_of(place, "source")] = _of_source(group.source, preset.task)
        files = [file for recipe in group.augment if (file := parse_recipe(recipe).file)]
        found[grouping.key_of(place, grouping.RECIPES)] = next((no_file(f) for f in files if not _is_there(f)), "")
    name = preset.corpus.tokenizer
    if (name.startswith(_PATHS) or name.endswith(".json")) and not _is_there(name):
        found["corpus.tokenizer"] = no_file(name)
    return {key: words for key, words in found.items() if words}


def no_file(path: str) -> str:
    """That there is no such file, and what corpus may have been meant."""
    meant = did_you_mean(path, [*tasks.texts(), *(name for sets in tasks.PAIRS.values() for name in sets)])
    return f"there is no file {clean(path, 80)!r}" + (f": {meant}" if meant else "")


def _of_source(source: str, task: str) -> str:
    """What is wrong with a source that serves its task."""
    from scalelab.corpora.hub.names import hub_spec

    pair = None if task == tasks.LM else pair_name(source, task)
    if pair is not None and pair.kind != "hub":
        return "" if pair.kind == "made" or _is_there(pair.place) else no_file(pair.place)
    for name in [source] if pair is not None else [name for name, _ in tasks.shares_of(source)]:
        try:
            spec = hub_spec(name)
        except BadInput as problem:
            return problem.line()
        path = name.removeprefix(_FILES) if spec is None else str(spec.folder) if spec.is_local else ""
        if path and name not in tasks.texts() and not _is_there(path):
            return no_file(path)
    return ""


def _is_there(path: str) -> bool:
    """Whether a path, or something that a glob in its last part means, exists; what takes long to find is believed."""
    if "\0" in path:
        return False
    whole = os.path.expanduser(path)
    folder, name = os.path.split(whole)
    if os.path.exists(whole) or not glob.has_magic(whole):
        return os.path.exists(whole)
    if glob.has_magic(folder):
        return True
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry in itertools.islice(entries, MOST)]
    except OSError:
        return False
    return len(names) == MOST or bool(fnmatch.filter(names, name))
