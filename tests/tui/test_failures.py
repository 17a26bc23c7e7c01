"""Runs that failed are counted alike wherever they are counted, and told truly where they never began."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scalelab.cli.live import Follower
from scalelab.records import RunKind, RunState
from scalelab.report import progress
from scalelab.store.reader import Reader
from scalelab.tui.header import state_words
from scalelab.tui.labs import read
from scalelab.tui.snapshot import Watch
from scalelab.tui.views import run_log
from tests.simulated import SimulatedLab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trunk fails, and with it the three branches that never began."""
    made = SimulatedLab(tmp_path_factory.mktemp("labs") / "broken")
    trunk = next(spec for spec in made.specs.values() if spec.kind is RunKind.TRUNK)
    made.end(trunk.run, RunState.FAILED, "no space")
    for spec in made.specs.values():
        if spec.parent == trunk.run:
            made.writer.set_state(spec.run, 0, RunState.FAILED, f"its trunk {trunk.run} has failed")
    made.close()
    return made.folder


def test_the_header_the_list_and_the_status_count_what_the_table_shows(lab: Path) -> None:
    with Watch(lab) as watch, Reader(lab / "lab.db") as reader:
        shot = watch.poll()
        printed = progress.lines(Follower("broken").snapshot(reader), 120, 100)
    assert shot is not None
    rows = Counter(line.split()[0] for line in printed if line)
    assert rows["failed"] == 4
    assert state_words(shot)[0] == "stopped 0 of 9, 4 failed"
    assert read(lab).progress == "0 of 9, 4 failed"
    assert printed[0].startswith("broken · cpu, 2 slots · 0 of 9 points · 4 runs failed")


def test_a_run_that_never_began_is_not_told_to_have_failed_at_a_step(lab: Path) -> None:
    with Reader(lab / "lab.db") as reader:
        failed = [row for row in reader.runs() if row.state is RunState.FAILED]
    trunk, branch = failed[0], failed[-1]
    assert (trunk.attempt, branch.attempt) == (1, 0)
    assert run_log.lines(lab, branch, 200)[0].plain == f"{branch.run}: failed before it began: {branch.reason}"
    assert f"failed at step {trunk.step} of {trunk.spec.n_steps}, attempt 1" in run_log.lines(lab, trunk, 200)[0].plain
