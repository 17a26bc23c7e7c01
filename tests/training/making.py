"""Small corpora and small runs for the tests of this room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scalelab.records import (
    AdamW,
    Decay,
    Message,
    ModelShape,
    Outcome,
    ParameterCount,
    RunKind,
    RunSpec,
    Schedule,
    TokenSet,
)
from scalelab.training.device import Device, open_device
from scalelab.training.run import train

VOCAB = 96


def make_tokens(directory: Path, *, n: int = 20_000, held_out: int = 2_000, dtype: str = "uint16") -> TokenSet:
    """Tokens that can be learned: each is the one before it plus a small step."""
    directory.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(7)
    for part, length in (("train", n), ("held_out", held_out)):
        tokens = np.cumsum(generator.integers(0, 4, length)) % VOCAB
        tokens.astype(np.dtype(dtype).newbyteorder("<")).tofile(directory / f"{part}.bin")
    return TokenSet(
        key="k", directory=str(directory), corpus="steps", tokenizer="bytes", dtype=dtype, vocab_size=VOCAB,
        train_tokens=n, train_bytes=2 * n, held_out_tokens=held_out, held_out_bytes=2 * held_out,
    )  # fmt: skip


def make_shape(**changes: Any) -> ModelShape:
    """16 wide, 2 layers, context 16."""
    shape = ModelShape(
        architecture="gpt2", n_layer=2, d_model=16, n_head=2, d_ff=64, context=16, vocab_size=VOCAB, tied=True
    )
    return replace(shape, **changes)


def make_spec(**changes: Any) -> RunSpec:
    """A single run of 40 steps of 8 sequences."""
    schedule = Schedule(peak=0.01, warmup_steps=5, decay=Decay.COOLDOWN, decay_start=30, n_steps=40)
    spec = RunSpec(
        run="16x2-D5k-s0", kind=RunKind.SINGLE, rung="16x2", seed=0, shape=make_shape(),
        counts=ParameterCount(n_params=8_000, n_blocks=6_000, n_total=8_300), batch_sequences=8, micro_sequences=8,
        first_step=0, schedule=schedule, optimizer=AdamW(), evaluation_tokens=1_024,
    )  # fmt: skip
    return replace(spec, **changes)


def steps_to(n_steps: int, *, decay: Decay = Decay.COOLDOWN, start: int | None = None) -> Schedule:
    """A schedule that ends at n_steps; a trunk's where the decay is constant."""
    first = n_steps if decay is Decay.CONSTANT else (start if start is not None else n_steps * 3 // 4)
    return Schedule(peak=0.01, warmup_steps=5, decay=decay, decay_start=first, n_steps=n_steps)


class Recorder:
    """Takes what a run reports, and can stop it after a number of steps it was asked at."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.messages: list[Message] = []
        self._left = stop_after

    def report(self, message: Message) -> None:
        self.messages.append(message)

    def should_stop(self) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        return self._left <= 0

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]


def run(
    spec: RunSpec, tokens: TokenSet, run_dir: Path, *, device: Device | None = None, resume_from: Path | None = None,
    stop_after: int | None = None, attempt: int = 0, checkpoint_seconds: float = 1e9,
) -> tuple[Outcome, Recorder]:  # fmt: skip
    """Trains on the CPU with one thread."""
    recorder = Recorder(stop_after)
    outcome = train(
        spec, tokens, attempt=attempt, run_dir=run_dir, device=device or open_device("cpu"), report=recorder.report,
        should_stop=recorder.should_stop, resume_from=resume_from, checkpoint_seconds=checkpoint_seconds,
    )  # fmt: skip
    return outcome, recorder
