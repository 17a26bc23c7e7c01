"""Figures of the lab, printed and not asserted: store, refits, a worker's start, the supervisor; a quiet box counts."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from scalelab import plan
from scalelab.lab import control, prepare
from scalelab.lab.executor import Job
from scalelab.lab.hooks import Hooks
from scalelab.lab.local import LocalExecutor
from scalelab.lab.paths import LabPaths
from scalelab.lab.refit import Fitted, Refit
from scalelab.records import Point, RunSpec, TokenSet, pack, unpack
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.lab import mini
from tests.store.samples import point

FEEDERS, ROWS = 16, 2_000


def worker_start(spec: RunSpec, tokens: TokenSet, folder: Path, times: int = 7) -> tuple[float, float]:
    """Seconds from the call to the first step reported: of the first worker, and the median of those after it."""
    executor = LocalExecutor()
    executor.slots = prepare.slots_of(mini.DEVICE)
    short = replace(
        spec, schedule=replace(spec.schedule, n_steps=20, decay_start=20), branch_steps=(), evaluation_steps=()
    )
    seconds = []
    for number in range(times + 1):
        began = time.perf_counter()
        worker = executor.start(
            Job(spec=short, tokens=tokens, attempt=1, run_dir=folder / str(number), trunk_checkpoint=None),
            executor.slots[0],
        )
        worker.pipe.poll(120)
        seconds.append(time.perf_counter() - began)
        worker.close()
    executor.close()
    return seconds[0], statistics.median(seconds[1:])


def _feed(pipe: Connection, feeder: int) -> None:
    for step in range(ROWS):
        pipe.send_bytes(pack(point(f"run-{feeder}", step)))
    pipe.close()


def writer_rate(folder: Path) -> float:
    """Rows a second from 16 processes through pipes into the store, by the supervisor's own way."""
    context = multiprocessing.get_context("fork")
    pipes, children = [], []
    for feeder in range(FEEDERS):
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_feed, args=(theirs, feeder))
        child.start()
        theirs.close()
        pipes.append(ours)
        children.append(child)
    began = time.perf_counter()
    with Writer(folder / "lab.db") as writer:
        while pipes:
            with writer.batch():
                for pipe in wait(pipes, 0.1):
                    assert isinstance(pipe, Connection)
                    try:
                        while pipe.poll():
                            writer.write([unpack(pipe.recv_bytes())])
                    except EOFError:
                        pipes.remove(pipe)
    seconds = time.perf_counter() - began
    for child in children:
        child.join()
    with Reader(folder / "lab.db") as reader:
        points, _ = reader.points_since(0)
    assert len({(one.run, one.step) for one in points if isinstance(one, Point)}) == FEEDERS * ROWS
    return FEEDERS * ROWS / seconds


def refit_seconds(n_runs: int = 16) -> list[float]:
    """Seconds of a whole refit in its child, table in, JSON and predictions out, five times."""
    import numpy as np

    from scalelab import laws

    draw = np.random.default_rng(0)
    n, d = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e5, 3e6, 4), np.geomspace(1e6, 3e7, n_runs // 4)))
    loss = (1.7 + 400 / n**0.34 + 1500 / d**0.36) * np.exp(0.003 * draw.standard_normal(len(n)))
    table = laws.run_table(n_params=n, n_tokens=d, loss=loss)
    found = []
    for _ in range(6):
        refit = Refit()
        began = time.perf_counter()
        refit.start(table, [], [], "run")
        fitted: Fitted | None = None
        while fitted is None:
            wait(refit.pipes, 5)
            fitted = refit.poll()
        assert not fitted.error, fitted.error
        found.append(time.perf_counter() - began)
    return found[1:]


def supervisor_share(paths: LabPaths) -> tuple[float, float]:
    """CPU seconds of the supervisor a second while two workers train, and points a second that it took meanwhile."""
    marks: list[tuple[float, float]] = []
    ended: list[str] = []

    def tick(_: Reader) -> None:
        if not ended:
            marks.append((time.perf_counter(), time.process_time()))

    control.start(
        None,
        paths.root,
        hooks=Hooks(on_tick=tick, on_event=lambda kind, text: ended.append(text) if kind == "done" else None),
    )
    # The first ticks load numpy and scipy for the fits.
    (t0, c0), (t1, c1) = marks[len(marks) // 4], marks[-1]
    with Reader(paths.store) as reader:
        trunks = [reader.points(row.run) for row in reader.runs() if row.spec.parent is None]
    return (c1 - c0) / (t1 - t0), sum(len(points) / points[-1].seconds for points in trunks)


def main(arguments: list[str]) -> None:
    """Print all figures."""
    argparse.ArgumentParser(prog="python -m tests.benchmarks lab", description=__doc__).parse_args(arguments)
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["SCALELAB_CACHE"] = str(folder / "cache")
        mini.write_text(folder / "text.txt")
        wanted = mini.preset(folder / "text.txt", budgets={"tokens": [128_000, 256_000]})
        tokens = prepare.prepare_tokens(wanted, Hooks())
        made = plan.make_plan(wanted, mini.DEVICE, vocab_size=tokens.vocab_size)
        print(f"store: {writer_rate(folder):,.0f} rows/s from {FEEDERS} feeders")
        refits = [1000 * seconds for seconds in refit_seconds()]
        print(f"refit of 16 runs in its child: {statistics.median(refits):.0f} ms (worst {max(refits):.0f})")
        first, later = worker_start(made.runs[0], tokens, folder / "starts")
        print(f"worker: {first:.2f} s to the first step of the first, {1000 * later:.0f} ms of those after it")
        prepare.write(made, tokens, LabPaths(folder / "lab"))
        share, rate = supervisor_share(LabPaths(folder / "lab"))
        print(f"supervisor: {100 * share:.1f} % of a core while two workers train, taking {rate:.0f} points/s")
        print(f"load after: {os.getloadavg()[0]:.1f}")
