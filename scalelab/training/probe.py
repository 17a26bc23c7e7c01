"""How long a token takes on this device, by training a few steps of each rung. Writes nothing; knows no tokens."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from scalelab.records import RunSpec
from scalelab.training.device import Device
from scalelab.training.engine import open_engine
from scalelab.training.optimizer import FlatAdamW
from scalelab.training.step import GradientStep

WARM_STEPS, LEAST_STEPS = 2, 3


def probe(device: Device, specs: Sequence[RunSpec], *, seconds: float = 0.25) -> dict[str, float]:
    """Seconds a training token of each rung, on one slot while no other slot works.

    Parameters
    ----------
    specs : one run of a rung is enough; further ones of the same rung are passed over.
    seconds : spent on each rung, or three steps where that is longer.

    Raises
    ------
    ScalelabError
        Where a rung does not fit into the device's memory even one sequence at a time.
    """
    found: dict[str, float] = {}
    for spec in specs:
        if spec.rung not in found:
            found[spec.rung] = _seconds_per_token(device, spec, seconds)
            # A rung must find the room and the compiler as its own worker will: without traces of the one before.
            device.free_unused()
            if spec.compile and device.compiles:
                torch.compiler.reset()
    return found


def _seconds_per_token(device: Device, spec: RunSpec, seconds: float) -> float:
    engine = open_engine(spec, device)
    optimizer = FlatAdamW(engine.flat, spec.optimizer)
    gradient = GradientStep(engine, device, micro_sequences=spec.micro_sequences, say=lambda line: None)
    generator = torch.Generator().manual_seed(0)
    size = (spec.batch_sequences, spec.shape.context + 1)
    windows = torch.randint(spec.shape.vocab_size, size, generator=generator).to(device.torch_device)
    steps, start = 0, 0.0
    while True:
        if steps == WARM_STEPS:
            device.synchronize()
            start = time.perf_counter()
        gradient.take(windows)
        optimizer.update(step=steps + 1, lr=1e-6, norm=optimizer.norm())
        steps += 1
        timed = steps - WARM_STEPS
        if timed >= LEAST_STEPS:
            device.synchronize()
            took = time.perf_counter() - start
            if took >= seconds:
                return took / (timed * spec.batch_tokens)
