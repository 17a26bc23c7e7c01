"""What one run suffers is its own: the others end, with the very losses of a lab that nobody disturbed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scalelab.lab.paths import LabPaths
from scalelab.records import RunState
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow
from tests.lab import mini
from tests.reliability.tally import Tally

STRUCK = "16x1-trunk-s0"
_STRIKES = """
# A fake engine for one run: its memory is full, its loss is NaN, or its process is killed or stands still.
import os, signal, sys, threading, time

def patch():
    while not hasattr(module := sys.modules.get("scalelab.training.run"), "train"):
        time.sleep(0.005)
    from tests.training.fake_device import Stingy
    true = module.open_engine

    class Struck(Stingy):
        calls = 0

        def forward_backward(self, ids, targets, **options):
            self.calls += 1
            if {fault!r} == "crash" and self.calls == 20:
                os.kill(os.getpid(), signal.SIGSEGV)
            while {fault!r} == "hang" and self.calls == 20:
                time.sleep(60)
            loss = super().forward_backward(ids, targets, **options)
            return loss * float("nan") if {fault!r} == "nan" and self.calls == 20 else loss

    def open_engine(spec, device):
        engine = true(spec, device)
        return Struck(engine, 2 if {fault!r} == "memory" else 99) if spec.run == {run!r} else engine

    module.open_engine = open_engine

if "forkserver" in " ".join(sys.orig_argv):
    threading.Thread(target=patch, daemon=True).start()
elif "driver.py" in " ".join(sys.orig_argv):
    import scalelab.lab.crew
    scalelab.lab.crew.LINGER_SECONDS = 1.0
"""
_FAULTS = {"memory": 7, "nan": 8, "crash": 16, "hang": 16}


def _of_others(paths: LabPaths) -> dict[str, Any]:
    """Losses and weights of the rung that is left alone."""
    found = mini.results(paths)
    other = {
        name: [each for each in json.loads(found[name]) if each["run"].startswith("8x1")]
        for name in ("finals", "evaluations")
    }
    return other | {"weights": {run: sum_ for run, sum_ in found["weights"].items() if run.startswith("8x1")}}


def _as_promised(fault: str, rows: dict[str, RunRow]) -> bool:
    """What becomes of the run itself."""
    struck = rows[STRUCK]
    if fault == "memory":
        return struck.state is RunState.DONE and "2 sequences at a time" in struck.not_exact
    branches = {row.state for row in rows.values() if row.spec.parent == STRUCK}
    if fault == "nan":
        return (struck.state, struck.attempt) == (RunState.DIVERGED, 1) and branches == {RunState.FAILED}
    return (struck.state, struck.attempt) == (RunState.FAILED, 3) and branches == {RunState.FAILED}


@pytest.mark.parametrize("fault", _FAULTS)
def test_row_07_08_16_what_one_run_suffers_changes_no_bit_of_another(
    text: Path, tmp_path: Path, whole: LabPaths, tally: Tally, fault: str
) -> None:
    if not tally.soak and fault != "memory":
        pytest.skip("the parts of it have quick tests; a whole lab takes its time: --soak")
    n, changed, other = tally.repeats(1, 10), 0, 0
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sitecustomize.py").write_text(_STRIKES.format(fault=fault, run=STRUCK))
    for trial in range(n):
        paths = mini.make(tmp_path / f"lab{trial}", text)
        child = mini.supervise(paths, hang_seconds=1.5, modules=tmp_path / "modules")
        child.wait(180)
        with Reader(paths.store) as reader:
            rows = {row.run: row for row in reader.runs()}
        changed += _of_others(paths) != _of_others(whole)
        other += not _as_promised(fault, rows)
    tally.count(_FAULTS[fault], f"labs in which a run's {fault} (injected) changed a bit of another run", changed, of=n,
                promised="0")  # fmt: skip
    tally.count(_FAULTS[fault], f"runs that did not end as promised after {fault}", other, of=n, promised="0")
    assert changed == 0 and other == 0
