"""A folder of runs: walked once within bounds, and handed to the reader of what lies in it.

Links to folders are not followed, so none can go round; what cannot be listed is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scalelab.errors import BadInput
from scalelab.laws.reading.sheets import Sheet

STATE = "trainer_state.json"
EVENTS = ".tfevents."
DEEPEST = 12
"""Folders inside each other."""
MOST_ENTRIES = 2_000_000
"""Files and folders looked at: a minute of listing."""


@dataclass(slots=True)
class Found:
    """What lies in a folder of runs."""

    states: list[Path] = field(default_factory=list)
    """Folders with a trainer_state.json."""
    events: dict[Path, list[Path]] = field(default_factory=dict)
    """Folder → its event files."""
    unlisted: list[Path] = field(default_factory=list)
    """Folders that could not be listed."""


class NoRuns(BadInput):
    """A folder in which nothing lies that a run leaves behind."""


def folder_sheet(path: Path, name: str) -> Sheet:
    """The runs below a folder as a sheet.

    Raises
    ------
    BadInput
        Nothing there that a run leaves behind, or more than can be looked at.
    """
    found = _walk(path, name)
    if found.states:
        from scalelab.laws.reading.trainer_states import trainer_sheet

        return trainer_sheet(path, found.states, found.unlisted, name)
    if found.events:
        from scalelab.laws.reading.event_files import event_sheet

        return event_sheet(path, found.events, found.unlisted, name)
    raise NoRuns(
        f"{name} is a folder without runs",
        allowed=f"a folder with {STATE} or TensorBoard event files below it, or a table of runs",
    )


def _walk(path: Path, name: str) -> Found:
    found, waiting, seen = Found(), [(path, 0)], 0
    while waiting:
        folder, depth = waiting.pop()
        try:
            entries = sorted(_entries(folder), key=lambda entry: entry.name, reverse=True)
        except OSError:
            found.unlisted.append(folder)
            continue
        seen += len(entries)
        if seen > MOST_ENTRIES:
            raise BadInput(f"{name} holds more than {MOST_ENTRIES:,} files", todo="name the folder of the runs")
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if depth < DEEPEST:
                    waiting.append((folder / entry.name, depth + 1))
            elif entry.name == STATE and _regular(entry):
                found.states.append(folder)
            elif EVENTS in entry.name and _regular(entry):
                found.events.setdefault(folder, []).append(folder / entry.name)
    return found


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries


def _regular(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def run_name(root: Path, folder: Path) -> str:
    """A run's name: where it lies below the root."""
    try:
        inside = folder.relative_to(root).as_posix()
    except ValueError:
        inside = "."
    return folder.resolve().name if inside == "." else inside
