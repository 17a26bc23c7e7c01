"""What one run suffers is its own: the others end, with the very losses of a lab that nobody disturbed."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from scalelab.lab.paths import LabPaths
from scalelab.lab.table import run_table
from scalelab.records import RunState
from scalelab.store.reader import Reader
from scalelab.store.rows import RunRow
from tests.lab import mini
from tests.reliability.groups import control_group
from tests.reliability.tally import Tally

STRUCK = "16x1-trunk-s0"
_STRIKES = """
# An engine that one run is struck under: there is no memory (CUDA's word for it is a fake; the CPU's allocator and the
# kernel refuse for real), its loss is NaN, or its process is killed or stands still.
import mmap, os, resource, signal, sys, threading, time

MIB = 1 << 20

def patch():
    while not hasattr(module := sys.modules.get("scalelab.training.run"), "train"):
        time.sleep(0.005)
    import torch
    from tests.training.fake_device import Stingy
    true = module.open_engine

    def crash(n):
        os.kill(os.getpid(), signal.SIGSEGV)

    def hang(n):
        while True:
            time.sleep(60)

    def allocator(n):
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        limits = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (used + 300 * MIB, limits[1]))
        try:
            torch.empty(n * 100 * MIB, dtype=torch.uint8)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)

    def kernel(n):
        with open({group!r} + "/cgroup.procs", "w") as file:
            file.write(str(os.getpid()))
        with mmap.mmap(-1, n * 40 * MIB) as taken:
            for page in range(0, len(taken), mmap.PAGESIZE):
                taken[page] = 1

    strike = {{"crash": crash, "hang": hang, "allocator": allocator, "kernel": kernel}}.get({fault!r}, lambda n: None)

    class Struck(Stingy):
        calls = 0

        def forward_backward(self, ids, targets, **options):
            self.calls += 1
            if self.calls in (20, 21):
                strike(len(ids))
            loss = super().forward_backward(ids, targets, **options)
            return loss * float("nan") if {fault!r} == "nan" and self.calls == 20 else loss

    def open_engine(spec, device):
        engine = true(spec, device)
        return Struck(engine, 2 if {fault!r} == "cuda" else 99) if spec.run == {run!r} else engine

    module.open_engine = open_engine

if "forkserver" in " ".join(sys.orig_argv):
    threading.Thread(target=patch, daemon=True).start()
elif "driver.py" in " ".join(sys.orig_argv):
    import scalelab.lab.crew
    scalelab.lab.crew.LINGER_SECONDS = 1.0
"""
_FAULTS = {
    "cuda": (7, "CUDA out of memory (a fake)"),
    "allocator": (7, "an allocator that refuses memory"),
    "kernel": (7, "a kill by the kernel for its memory"),
    "nan": (8, "a loss that is NaN"),
    "crash": (16, "a crash at every try"),
    "hang": (16, "a hang at every try"),
}
"""Each with its row."""
_ROOM = 128 << 20
"""Bytes that the kernel leaves a worker: for what two sequences are said to take, and not four."""


def _of_others(paths: LabPaths) -> dict[str, Any]:
    """Losses and weights of the rung that is left alone."""
    found = mini.results(paths)
    other = {
        name: [each for each in json.loads(found[name]) if each["run"].startswith("8x1")]
        for name in ("finals", "evaluations")
    }
    return other | {"weights": {run: sum_ for run, sum_ in found["weights"].items() if run.startswith("8x1")}}


def _as_promised(fault: str, rows: dict[str, RunRow], paths: LabPaths) -> bool:
    """What becomes of the run itself."""
    struck = rows[STRUCK]
    if fault in ("cuda", "allocator"):
        return struck.state is RunState.DONE and "2 sequences at a time" in struck.not_exact
    if fault == "kernel":
        return (struck.state, struck.attempt, struck.spec.micro_sequences) == (RunState.DONE, 2, 2)
    branches = {row.state for row in rows.values() if row.spec.parent == STRUCK}
    if fault == "nan":
        return (struck.state, struck.attempt) == (RunState.DIVERGED, 1) and branches == {RunState.FAILED}
    named = {"crash": "killed by SIGSEGV", "hang": "hung: no step for "}[fault]
    with Reader(paths.store) as reader:
        reasons = [change.reason for change in reader.states(STRUCK) if change.state is RunState.FAILED]
    told = len(reasons) == 3 and all(named in reason for reason in reasons)
    return told and (struck.state, struck.attempt) == (RunState.FAILED, 3) and branches == {RunState.FAILED}


def _fitted(paths: LabPaths) -> list[tuple[str, float, float, float]]:
    """What enters the fit."""
    with Reader(paths.store) as reader:
        table = run_table(reader)
    return list(zip(table.run_id, table.n_params, table.n_tokens, table.loss, strict=True))


@pytest.mark.parametrize("fault", _FAULTS)
def test_row_07_08_16_what_one_run_suffers_changes_no_bit_of_another(
    text: Path, tmp_path: Path, whole: LabPaths, tally: Tally, fault: str
) -> None:
    if not tally.soak and fault != "cuda":
        pytest.skip("the parts of it have quick tests; a whole lab takes its time: --soak")
    little = control_group("memory", "memory.limit_in_bytes", str(_ROOM)) if fault == "kernel" else nullcontext()
    with little as group:
        _strike(text, tmp_path, whole, tally, fault, group)


def _strike(text: Path, work: Path, whole: LabPaths, tally: Tally, fault: str, group: Path | None) -> None:
    n, changed, other, fitted = tally.repeats(1, 5), 0, 0, 0
    (work / "modules").mkdir()
    strikes = _STRIKES.format(fault=fault, run=STRUCK, group=str(group))
    (work / "modules" / "sitecustomize.py").write_text(strikes)
    rest = [row for row in _fitted(whole) if row[0].startswith("8x1")]
    for trial in range(n):
        paths = mini.make(work / f"lab{trial}", text)
        child = mini.supervise(paths, hang_seconds=1.5, modules=work / "modules")
        child.wait(180)
        with Reader(paths.store) as reader:
            rows = {row.run: row for row in reader.runs()}
        changed += _of_others(paths) != _of_others(whole)
        other += not _as_promised(fault, rows, paths)
        fitted += _fitted(paths) != rest
    row, words = _FAULTS[fault]
    tally.count(row, f"labs in which {words} changed a bit of another run", changed, of=n, promised="0")
    tally.count(row, f"runs that did not end as promised after {words}", other, of=n, promised="0")
    assert changed == 0 and other == 0
    if fault == "nan":
        tally.count(row, f"labs in which {words} changed what is fitted but for its own run", fitted, of=n,
                    promised="0")  # fmt: skip
        assert fitted == 0
