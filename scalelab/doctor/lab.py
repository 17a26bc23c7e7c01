"""Whether a lab is whole: what its own room finds, as lines of the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scalelab.doctor.line import Line, Verdict
from scalelab.gate import clean


def look(folder: Path) -> Iterator[Line]:
    """A line for each finding; nothing is changed."""
    from scalelab.lab.integrity import check_lab

    for found in check_lab(folder):
        yield Line(check=found.what, verdict=Verdict(found.level), said=clean(found.text), todo=found.todo)
