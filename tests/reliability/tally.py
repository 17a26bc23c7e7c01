"""Counts what a test of a fault found, prints it, and keeps it as a line of JSON where the long repeats were asked for.

A test takes the fixture `tally`, repeats its fault `tally.repeats(quick, soak)` times and says what came of it:

    def test_row_02_a_kill_while_a_checkpoint_is_written(tally):
        n = tally.repeats(5, 200)
        ...
        tally.count(2, "checkpoints unreadable after a SIGKILL", bad, of=n, promised="0")
        assert bad == 0
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import scalelab

FIGURES = Path(os.environ.get("SCALELAB_FIGURES", Path(__file__).parents[2] / ".reliability.jsonl"))
"""Where the long repeats leave their figures; one line each, the newest counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure."""

    row: int
    """Of the table of faults; 0 for what comes from outside, which has no number there."""
    what: str
    """What was counted or measured."""
    found: str
    promised: str
    long: bool
    """Whether the long repeats were asked for."""
    machine: str
    version: str
    when: str

    @property
    def line(self) -> str:
        """For a person."""
        return f"row {self.row:>2}: {self.what}: {self.found} (promised {self.promised})"


class Tally:
    """What one test has to say."""

    def __init__(self, *, soak: bool) -> None:
        self.soak = soak
        self.figures: list[Figure] = []

    def repeats(self, quick: int, soak: int) -> int:
        """How often to inject the fault."""
        return soak if self.soak else quick

    def within(self, promised: float) -> float:
        """Seconds that something may take: what is promised holds where nothing else runs, as under --soak; other tests
        beside this one may make it five times as long.
        """
        return promised if self.soak else 5 * promised

    def count(self, row: int, what: str, count: int, *, of: int, promised: str) -> None:
        """So many of so many."""
        self.value(row, what, f"{count}/{of}", promised=promised)

    def value(self, row: int, what: str, found: str, *, promised: str) -> None:
        """Anything else, with its unit."""
        figure = Figure(
            row=row,
            what=what,
            found=found,
            promised=promised,
            long=self.soak,
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            version=scalelab.__version__,
            when=time.strftime("%Y-%m-%d"),
        )
        self.figures.append(figure)
        print(figure.line)
        if self.soak:
            with FIGURES.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(figure)) + "\n")


def read(path: Path = FIGURES) -> list[Figure]:
    """The newest of each figure, in the order of the rows."""
    found: dict[tuple[int, str], Figure] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            figure = Figure(**json.loads(line))
            found[figure.row, figure.what] = figure
    return sorted(found.values(), key=lambda figure: (figure.row, figure.what))
