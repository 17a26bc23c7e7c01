"""LAB of the verbs that look at one: opened read-only, or one line that says why not."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from scalelab.errors import BadInput
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.lab.paths import LabPaths
    from scalelab.store.reader import Reader


def lab_at(folder: str) -> LabPaths:
    """The files of the lab in this folder; BadInput where there is none."""
    from scalelab.lab.paths import lab_paths

    paths = lab_paths(folder)
    if not paths.exists:
        raise BadInput(f"there is no lab at {clean(folder, 200)}", allowed="a directory that `scalelab run` made")
    return paths


def open_lab(folder: str) -> Reader:
    """A reader of the lab in this folder."""
    from scalelab.store.reader import Reader

    return Reader(lab_at(folder).store)


def typed(lab: str | Path) -> str:
    """The folder as the user would type it: from here where it is below, and never as an option."""
    relative = os.path.relpath(lab)
    shown = str(lab) if relative.startswith("..") else relative
    return f"./{shown}" if shown.startswith("-") else shown


def short(lab: str | Path) -> str:
    """The same for a shell that takes it as one word."""
    return shlex.quote(clean(typed(lab), 300))
