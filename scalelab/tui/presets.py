"""The presets that the start screen lists: the shipped ones, and those that lie where the app was started.

Whatever lies there may end in .toml: only what is small and speaks of a ladder is read at all. It knows no screen.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from scalelab import preset_files
from scalelab.errors import BadInput

USUAL = ("tiny", "smoke", "laptop")
"""Those that most people begin with."""
LARGEST = 32_768
"""Bytes of a file that is looked into; with all fields a preset has 3,000, and TOML is read at 2 MB a second."""
ENTRIES, MOST = 10_000, 30
"""Entries of the folder that are looked at, and presets that are listed."""


def shipped() -> dict[str, str]:
    """Shipped presets with their descriptions in the order of their size, the usual ones first."""
    there = preset_files.shipped()
    names = [*(name for name in USUAL if name in there), *(name for name in there if name not in USUAL)]
    return {name: preset_files.load(name).description for name in names}


def own() -> dict[str, str]:
    """Presets of the current folder with their descriptions, by the names that `--preset` takes."""
    told: dict[str, str] = {}
    for name, size, changed in sorted(_files()):
        if len(told) < MOST and (described := _described(name, size, changed)) is not None:
            told[name] = described
    return told


def _files() -> Iterator[tuple[str, int, int]]:
    """Files that may be presets: name, size and the time of their last change."""
    with contextlib.suppress(OSError), os.scandir() as entries:
        for entry in islice(entries, ENTRIES):
            with contextlib.suppress(OSError):
                if entry.name.endswith(".toml") and entry.is_file() and (seen := entry.stat()).st_size <= LARGEST:
                    yield entry.name, seen.st_size, seen.st_mtime_ns


@lru_cache(maxsize=1024)
def _described(name: str, size: int, changed: int) -> str | None:
    """What a preset says of itself; None where the file is none. The same file is read once."""
    del size, changed
    with contextlib.suppress(OSError, BadInput):
        return preset_files.load(name).description if b"ladder" in Path(name).read_bytes() else None
    return None
