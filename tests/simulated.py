"""A lab whose runs were never trained: the store that a supervisor would have left, with losses from a known law."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from scalelab import plan, preset_files
from scalelab.records import DeviceInfo, Evaluation, Point, RunKind, RunSpec, RunState, TokenSet
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer

CPU = DeviceInfo(
    name="cpu", label="two cores", memory_bytes=16 * 10**9, slots=2, peak_flops=80e9, peak_source="measured"
)
TOKENS = TokenSet(
    key="0" * 16, directory="/nowhere", corpus="sotu", tokenizer="bpe", dtype="uint16", vocab_size=512,
    train_tokens=5_000_000, train_bytes=12_000_000, held_out_tokens=270_000, held_out_bytes=650_000,
)  # fmt: skip


SMALL = """
name = "smoke"
[model]
context = 64
[ladder]
shapes = ["12x1", "24x1", "48x1"]
[budgets]
tokens = ["40k", "80k", "160k"]
[corpus]
vocab_size = 512
[batch]
sequences = 8
"""
"""Three sizes by three budgets: a preset of the tests' own, whatever the shipped ones come to be."""
LARGER = SMALL.replace('"24x1", "48x1"', '"20x1", "32x1", "48x1", "80x1"').replace(
    '"40k", "80k", "160k"', '"150k", "300k", "600k", "1.2M"'
)
"""Five sizes by four budgets."""


def true_loss(n_params: float, n_tokens: float) -> float:
    """The coupled law that all simulated runs follow."""
    return 1.2 + (40.0 / n_params**0.45 + 900.0 / n_tokens**0.52) ** 0.8


def noise(run: str, size: float = 0.002) -> float:
    """A factor near one that depends on the run's name alone."""
    return 1.0 + size * (2.0 * zlib.crc32(run.encode()) / 2**32 - 1.0)


class SimulatedLab:
    """Writes a lab step by step, as a supervisor would."""

    def __init__(self, folder: Path, preset: str = SMALL, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.plan = plan.make_plan(preset_files.loads(preset, "a test"), CPU)
        self.specs = {spec.run: spec for spec in self.plan.runs}
        self.writer = Writer(folder / "lab.db", clock=clock)
        with self.writer.batch():
            self.writer.create(preset_files.dumps(self.plan.preset))
            self.writer.set_meta("device", CPU.to_json())
            self.writer.set_meta("tokens", TOKENS.to_json())
            self.writer.add_runs([(spec, self.plan.expected_seconds[spec.run]) for spec in self.plan.runs])

    @property
    def points(self) -> list[RunSpec]:
        """The runs whose ends enter a fit."""
        return [spec for spec in self.plan.runs if spec.kind is not RunKind.TRUNK]

    def loss_of(self, spec: RunSpec) -> float:
        """The held-out loss that a run ends with."""
        return true_loss(spec.counts.n_params, spec.n_tokens) * noise(spec.run)

    def train(self, run: str, share: float = 1.0, dots: int = 8) -> None:
        """Take a run to a share of its own steps, still running."""
        spec = self.specs[run]
        self.writer.set_state(run, 1, RunState.RUNNING)
        last = spec.first_step + int(share * (spec.n_steps - spec.first_step))
        steps = sorted({spec.first_step + (last - spec.first_step) * dot // dots for dot in range(1, dots + 1)})
        self.writer.write([self._point(spec, step) for step in steps if step > spec.first_step])

    def finish(self, run: str) -> None:
        """Train a run to its end and measure it."""
        spec = self.specs[run]
        self.train(run)
        loss = self.loss_of(spec)
        self.writer.write([Evaluation(
            run=run, attempt=1, step=spec.n_steps, n_tokens=spec.n_tokens, flops=spec.flops, loss=loss, loss_se=0.004,
            accuracy=0.31, bits_per_byte=loss / math.log(2) / 2.4, evaluated_tokens=65_536,
            final=spec.kind is not RunKind.TRUNK,
        )])  # fmt: skip
        self.writer.set_state(run, 1, RunState.DONE)

    def end(self, run: str, state: RunState, reason: str) -> None:
        """End a run otherwise."""
        self.train(run, 0.4)
        self.writer.set_state(run, 1, state, reason)

    def refit(self, after: str) -> None:
        """Fit the finished runs and keep the assessment."""
        from scalelab import laws
        from scalelab.lab.table import run_table

        with Reader(self.folder / "lab.db") as reader:
            self.writer.add_fit(laws.assess(run_table(reader)).to_json(), after)

    def finish_all(self, *, but: tuple[str, ...] = ()) -> SimulatedLab:
        """Every run done but those named; one fit at the end."""
        for run in self.specs:
            if run not in but:
                self.finish(run)
        self.refit(next(reversed(self.specs)))
        return self

    def close(self) -> None:
        """Let go of the store."""
        self.writer.close()

    @staticmethod
    def _point(spec: RunSpec, step: int) -> Point:
        tokens = step * spec.batch_tokens
        loss = min(true_loss(spec.counts.n_params, tokens) * 1.02, 6.2)
        return Point(
            run=spec.run,
            attempt=1,
            step=step,
            n_tokens=tokens,
            loss=loss,
            lr=0.01,
            grad_norm=0.5,
            tokens_per_second=3e9 / spec.flops_per_token * 8,
            seconds=step * 0.01,
        )
