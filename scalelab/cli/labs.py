"""LAB of the verbs that look at one: opened read-only, or one line that says why not."""

from __future__ import annotations

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
