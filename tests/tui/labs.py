"""Labs of other kinds for the app to look at: one of two groups, and one of runs that were trained elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from scalelab import laws
from scalelab.lab.table import run_table
from scalelab.records import RunSpec
from scalelab.store.reader import GROUPS, Reader
from tests.simulated import SMALL, TOKENS, SimulatedLab

GROUPED = f"""{SMALL}
[[groups]]
name = "plain"
[[groups]]
name = "noisy"
augment = ["char-noise=0.05"]
"""
DEARER = 1.04
"""How many times as high the losses of the second group are."""


class GroupedLab(SimulatedLab):
    """Nine points of each of two groups."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        super().__init__(folder, GROUPED, clock)
        self.writer.set_meta(GROUPS, json.dumps(self.plan.preset.group_names))
        self.writer.set_meta("tokens noisy", TOKENS.to_json())

    def loss_of(self, spec: RunSpec) -> float:
        """The losses of the second group are higher."""
        return super().loss_of(spec) * (DEARER if spec.group == "noisy" else 1.0)

    def refit(self, after: str) -> None:
        """Fit the runs of the group of this run."""
        with Reader(self.folder / "lab.db") as reader:
            table = run_table(reader, group=self.specs[after].group)
        self.writer.add_fit(laws.assess(table).to_json(), after)


def grouped(folder: Path, clock: Callable[[], float]) -> Path:
    """All points done, and the law of each group fitted to its own."""
    lab = GroupedLab(folder, clock)
    for run in lab.specs:
        lab.finish(run)
    for group in lab.plan.preset.group_names:
        lab.refit(next(spec.run for spec in reversed(lab.points) if spec.group == group))
    lab.close()
    return folder


def imported(folder: Path) -> Path:
    """The sixteen runs of a table, as `scalelab import` takes them; one of the table crashed."""
    from scalelab.cli.main import main
    from tests.integrations.test_importing import write_table

    folder.parent.mkdir(parents=True, exist_ok=True)
    table = write_table(folder.with_name(f"{folder.name}.csv"))
    assert main(["import", str(table), "--lab", str(folder)]) == 0
    return folder
