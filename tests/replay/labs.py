"""A recorded lab with all that can happen to one, on a clock of its own."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from scalelab import laws
from scalelab.lab.table import run_table
from scalelab.records import Evaluation, RunKind, RunState
from scalelab.store.reader import Reader
from tests import simulated

EPOCH = 1_760_000_000.0
NIGHT = 40_000.0
CRASHED, DIVERGED, LEFT = "24x1-D80k-s0", "12x1-D160k-s0", "48x1-D40k-s0"
LEAST = 4
"""Finished points from which on predictions are written."""


class Clock:
    """A hundredth of a second at every look, and what is added by hand."""

    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> float:
        self.now += 0.01
        return self.now


class RecordedLab(simulated.SimulatedLab):
    """Nine points: a crash and a second attempt, a divergence, a night between, and a run that was left training."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        super().__init__(folder, clock=self.clock)

    def record(self) -> Path:
        """Write it all; where it lies."""
        for run in self.specs:
            if run == CRASHED:
                self._crash(run)
            if run == DIVERGED:
                self.end(run, RunState.DIVERGED, "the loss is NaN at step 31")
            elif run != LEFT:
                self._finish(run, attempt=1 + (run == CRASHED))
        self.train(LEFT, 0.5)
        self.close()
        (self.folder / "runs" / CRASHED).mkdir(parents=True)
        (self.folder / "runs" / CRASHED / "log.txt").write_text("start\nkilled\n")
        return self.folder

    def _crash(self, run: str) -> None:
        self.train(run, 0.4)
        self.clock.now += NIGHT
        self.writer.set_state(run, 1, RunState.FAILED, "its supervisor ended without a word")
        self.writer.set_state(run, 1, RunState.PLANNED, "goes on in a new session")

    def _finish(self, run: str, attempt: int) -> None:
        spec = self.specs[run]
        self.writer.set_state(run, attempt, RunState.RUNNING)
        began = spec.first_step + 1 if attempt == 1 else spec.first_step + (spec.n_steps - spec.first_step) // 4
        for step in range(began, spec.n_steps + 1):
            self.clock.now += 0.01
            seconds = 0.01 * (step - began + 1)
            self.writer.write([replace(self._point(spec, step), attempt=attempt, seconds=seconds)])
        loss = simulated.true_loss(spec.counts.n_params, spec.n_tokens) * simulated.noise(run)
        self.writer.write([Evaluation(
            run=run, attempt=attempt, step=spec.n_steps, n_tokens=spec.n_tokens, flops=spec.flops, loss=loss,
            loss_se=0.004, accuracy=0.31, bits_per_byte=loss / math.log(2) / 2.4, evaluated_tokens=65_536,
            final=spec.kind is not RunKind.TRUNK,
        )])  # fmt: skip
        with self.writer.batch():
            self.writer.set_state(run, attempt, RunState.DONE)
            self.writer.score(run, loss)
        if spec.kind is not RunKind.TRUNK:
            self._predict(run)

    def _predict(self, run: str) -> None:
        with Reader(self.folder / "lab.db") as reader:
            table, rows = run_table(reader), reader.runs()
        if len(table) < LEAST:
            return
        seen = laws.assess(table)
        number = self.writer.add_fit(seen.to_json(), run)
        for row in rows:
            if row.state is not RunState.DONE and row.spec.kind is not RunKind.TRUNK:
                self.writer.add_prediction(row.run, number, 5.0, 4.0, 6.0)
