"""Labs that the app's benchmark looks at: a very large one, and one in which twelve runs are under way.

Written by the store's own writer, as a supervisor would. As a program it owns such a lab and goes on writing points.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from scalelab.lab import lock
from scalelab.records import Evaluation, Point, RunSpec, RunState
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.simulated import LARGER, SimulatedLab, noise, true_loss

LIVE = 12
"""Runs under way."""
BEAT_SECONDS = 0.1
"""Between two batches of a supervisor."""
SHAPES = ", ".join(f'"{width}x{depth}"' for width in (16, 24, 32, 48, 64) for depth in range(1, 6))
HUGE = f"""
name = "huge"
seeds = [0, 1, 2, 3]
[model]
context = 64
[ladder]
shapes = [{SHAPES}]
[budgets]
tokens = ["8M", "16M", "32M", "64M"]
[corpus]
vocab_size = 512
[batch]
sequences = 8
"""
"""25 rungs, 4 budgets, 4 seeds: 100 trunks and 400 branches."""


def dots(spec: RunSpec, first: float, last: float, count: int, attempt: int = 1) -> list[Point]:
    """Points of a run between two shares of its own steps."""
    own = spec.n_steps - spec.first_step
    steps = np.unique(np.linspace(spec.first_step + first * own + 1, spec.first_step + last * own, count).astype(int))
    tokens = steps * spec.batch_tokens
    scatter = np.random.default_rng([spec.n_steps, spec.seed, len(spec.run)]).normal(0, 0.01, len(steps))
    losses = np.minimum([true_loss(spec.counts.n_params, each) for each in tokens.tolist()], 6.2) * (1.02 + scatter)
    return [
        Point(run=spec.run, attempt=attempt, step=step, n_tokens=each, loss=loss, lr=0.01, grad_norm=0.5,
              tokens_per_second=1e5, seconds=0.01 * (step - spec.first_step))
        for step, each, loss in zip(steps.tolist(), tokens.tolist(), losses.tolist(), strict=True)
    ]  # fmt: skip


def end(spec: RunSpec) -> Evaluation:
    """What a run was measured with at its end."""
    loss = true_loss(spec.counts.n_params, spec.n_tokens) * noise(spec.run)
    return Evaluation(
        run=spec.run, attempt=1, step=spec.n_steps, n_tokens=spec.n_tokens, flops=spec.flops, loss=loss,
        loss_se=0.004, accuracy=0.31, bits_per_byte=loss / 1.66, evaluated_tokens=65_536,
        final=spec.parent is not None,
    )  # fmt: skip


def huge(folder: Path, points: int = 2000) -> Path:
    """A lab of 500 runs with so many points each, twelve of them under way; its law fitted to the first 24 ends."""
    lab = SimulatedLab(folder, HUGE)
    specs = list(lab.specs.values())
    for start in range(0, len(specs), LIVE):
        wave = specs[start : start + LIVE]
        under_way = start + LIVE >= len(specs)
        _train(lab.writer, wave, points, 0.9 if under_way else 1.0)
        if not under_way:
            _finish(lab.writer, wave)
        if start == 2 * LIVE:
            lab.refit(wave[-1].run)
    lab.close()
    return folder


def live(folder: Path) -> Path:
    """A lab of 25 runs: 12 are done and have a law, 12 are half-way."""
    lab = SimulatedLab(folder, LARGER)
    specs = list(lab.specs.values())
    _train(lab.writer, specs[:LIVE], 200, 1.0)
    _finish(lab.writer, specs[:LIVE])
    lab.refit(specs[LIVE - 1].run)
    _train(lab.writer, specs[LIVE : 2 * LIVE], 100, 0.5)
    lab.close()
    return folder


def _train(writer: Writer, wave: list[RunSpec], points: int, share: float) -> None:
    """A wave of runs side by side, as slots train them."""
    for spec in wave:
        writer.set_state(spec.run, 1, RunState.RUNNING)
    rows = [dots(spec, 0.0, share, points) for spec in wave]
    with writer.batch():
        for place in range(points):
            writer.write([each[place] for each in rows if place < len(each)])


def _finish(writer: Writer, wave: list[RunSpec]) -> None:
    writer.write([end(spec) for spec in wave])
    for spec in wave:
        writer.set_state(spec.run, 1, RunState.DONE)


def go_on(folder: Path, seconds: float, per_second: float) -> None:
    """Own a lab and write points of all runs that are under way, for so many seconds."""
    with lock.acquire(folder / "lock"), Writer(folder / "lab.db") as writer, Reader(folder / "lab.db") as reader:
        running = [row.spec for row in reader.runs() if row.state is RunState.RUNNING]
        last = reader.latest_points()
        began, given = time.monotonic(), {spec.run: 0 for spec in running}
        while (now := time.monotonic() - began) < seconds:
            new = []
            for spec in running:
                while given[spec.run] < int(now * per_second):
                    given[spec.run] += 1
                    new.append(_next(spec, last[spec.run], given[spec.run]))
            if new:
                writer.write(new)
            time.sleep(BEAT_SECONDS)


def _next(spec: RunSpec, last: Point, number: int) -> Point:
    """A hundredth of a percent further for each point: a run of hours."""
    step = last.step + number
    loss = true_loss(spec.counts.n_params, step * spec.batch_tokens) * (1.02 + 0.01 * np.sin(1.7 * number))
    return Point(run=spec.run, attempt=1, step=step, n_tokens=step * spec.batch_tokens, loss=float(loss), lr=0.01,
                 grad_norm=0.5, tokens_per_second=1e5 * (1 + 0.02 * np.sin(number)),
                 seconds=last.seconds + 0.01 * number)  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--per-second", type=float, default=2.0)
    given = parser.parse_args()
    go_on(given.folder, given.seconds, given.per_second)
