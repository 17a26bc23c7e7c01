"""A lab whose runs follow the annealing-aware law: points and evaluations as a worker would have sent them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from scalelab.lab.forecasts import rates
from scalelab.laws.curves import annealing_area, area
from scalelab.records import Evaluation, Point, RunSpec, RunState
from tests.simulated import LARGER, SimulatedLab

MEMORY, EFFECT, ALPHA = 60.0, 0.0012, 0.4
"""Steps, nats for each step of full annealing, exponent: of all runs."""
GAP = 0.03
"""Held-out minus training loss, nats."""


def clean(spec: RunSpec, steps: np.ndarray) -> np.ndarray:
    """The truth at these steps of a run's schedule."""
    schedule = np.array(rates(spec)) / spec.schedule.peak
    part = spec.n_steps / len(schedule)
    ends = np.arange(1, len(schedule) + 1) * part
    s1, s2 = area(schedule, part=part), annealing_area(schedule, MEMORY, part=part)
    floor = 1.6 + 20.0 / math.sqrt(spec.counts.n_params)
    return floor + 12.0 * np.interp(steps, ends, s1) ** -ALPHA - EFFECT * np.interp(steps, ends, s2)


class CurvedLab(SimulatedLab):
    """Five sizes by four budgets, each curve by the law with a hundredth of noise."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(folder, LARGER, clock)

    def train(self, run: str, share: float = 1.0, dots: int = 100) -> None:
        """Take a run to a share of its own steps, still running, with the held-out losses on the way."""
        spec = self.specs[run]
        self.writer.set_state(run, 1, RunState.RUNNING)
        last = spec.first_step + int(share * (spec.n_steps - spec.first_step))
        steps = np.unique(np.linspace(spec.first_step + 1, last, dots).astype(int))
        noise = 0.01 * np.random.default_rng(spec.n_steps + spec.first_step).standard_normal(len(steps))
        losses = clean(spec, steps) + noise
        self.writer.write([self._dot(spec, int(step), float(loss)) for step, loss in zip(steps, losses, strict=True)])
        self.writer.write([self._evaluation(spec, step) for step in spec.evaluation_steps if step <= last])

    def finish(self, run: str) -> None:
        """Train a run to its end and measure it."""
        self.train(run)
        self.writer.set_state(run, 1, RunState.DONE)

    def end_of(self, run: str) -> float:
        """The held-out loss that a run ends with."""
        spec = self.specs[run]
        return float(clean(spec, np.array([spec.n_steps]))[0]) + GAP

    def _evaluation(self, spec: RunSpec, step: int) -> Evaluation:
        loss = float(clean(spec, np.array([step]))[0]) + GAP
        return Evaluation(
            run=spec.run, attempt=1, step=step, n_tokens=step * spec.batch_tokens, flops=spec.flops, loss=loss,
            loss_se=0.004, accuracy=0.31, bits_per_byte=loss / math.log(2) / 2.4, evaluated_tokens=65_536,
            final=step == spec.n_steps and spec.parent is not None,
        )  # fmt: skip

    @staticmethod
    def _dot(spec: RunSpec, step: int, loss: float) -> Point:
        return Point(
            run=spec.run, attempt=1, step=step, n_tokens=step * spec.batch_tokens, loss=loss, lr=0.01, grad_norm=0.5,
            tokens_per_second=1e5, seconds=step * 0.01,
        )  # fmt: skip
