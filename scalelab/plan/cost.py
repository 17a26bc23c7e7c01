"""What a run needs before it starts: memory at its micro-batch, and seconds on a slot of a device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from scalelab.plan.ladder import Rung
from scalelab.records import DeviceInfo, ModelShape, RunSpec

_TIGHT, _FULL = 0.7, 0.95
"""Shares of a slot's memory: above the first a cell is tight, above the second it does not fit."""
_EVALUATION_SHARE = 0.45
"""A forward pass is a third of a training step's FLOPs, and 0.4–0.5 of its time at tiny shapes on a CPU."""
_CHUNK_LOGITS = 1 << 28
"""Logits that the cross-entropy makes at a time on a GPU; a CPU makes fewer, and keeps scores of attention instead."""
_RUN_OVERHEAD = 0.25
"""Seconds to fork, build a model, write a checkpoint and be reaped; measured on two cores at tiny shapes."""
# Share of the measured GEMM peak that a training step reaches on a CPU, by width; measured with one thread a run.
_CPU_EFFICIENCY = ((8, 0.08), (16, 0.16), (32, 0.29), (64, 0.41), (128, 0.55), (256, 0.65), (1024, 0.70))
# On a GPU small matrices leave it idle; these are nominal (nanoGPT-class training in bf16), not measured here.
_GPU_EFFICIENCY = (
    (32, 0.002),
    (64, 0.006),
    (128, 0.02),
    (256, 0.06),
    (512, 0.16),
    (768, 0.28),
    (1024, 0.35),
    (4096, 0.5),
)


def state_bytes(rung: Rung) -> int:
    """Weights, gradients and the two moments of AdamW, all in float32."""
    return 16 * rung.counts.n_total


def activation_bytes(shape: ModelShape, sequences: int, dtype: str) -> int:
    """What the backward pass keeps of `sequences` sequences, attention scores not stored (fused kernels).

    A block keeps about 10 vectors of d_model and 3 of d_ff a token; the head keeps a chunk of the logits and two copies
    of it in float32 for the cross-entropy.
    """
    size = 2 if dtype == "bfloat16" else 4
    block = size * (10 * shape.d_model + 3 * shape.d_ff)
    tokens = sequences * shape.context
    logits = min(tokens * shape.vocab_size, max(128 * shape.vocab_size, _CHUNK_LOGITS))
    return tokens * shape.n_layer * block + 3 * 4 * logits


def base_bytes(device: DeviceInfo) -> int:
    """What a worker holds before any model: the libraries' own memory (measured: 396 MB, about half of it shared with
    the process it was forked from), or a CUDA context.
    """
    return 450_000_000 if device.name.startswith("cuda") else 400_000_000


def memory_bytes(rung: Rung, micro_sequences: int, device: DeviceInfo) -> int:
    """Memory of one run on a slot."""
    return base_bytes(device) + state_bytes(rung) + activation_bytes(rung.shape, micro_sequences, device.dtype)


def slot_bytes(device: DeviceInfo) -> int:
    """Memory that one slot may use; slots of one card or box share it evenly."""
    sharing = max(1, device.slots // max(1, len(device.members)))
    return device.memory_bytes // sharing


def verdict(needed: int, device: DeviceInfo) -> str:
    """Say "fits", "tight" or "no"."""
    share = needed / slot_bytes(device)
    return "fits" if share <= _TIGHT else "tight" if share <= _FULL else "no"


def micro_sequences(rung: Rung, sequences: int, asked: int | None, device: DeviceInfo) -> int:
    """Sequences a forward pass: the largest divisor of the batch, up to what was asked, that fits without being tight.

    Where none fits, 1: the verdict then says so.
    """
    divisors = [n for n in range(1, sequences + 1) if sequences % n == 0 and n <= (asked or sequences)]
    fitting = [n for n in divisors if verdict(memory_bytes(rung, n, device), device) == "fits"]
    return max(fitting, default=1)


def seconds_per_token(rung: Rung, device: DeviceInfo) -> float:
    """Estimated seconds a training token on one slot, from the peak and the share of it that such a width reaches."""
    table = _GPU_EFFICIENCY if device.name.startswith(("cuda", "mps")) else _CPU_EFFICIENCY
    return rung.flops_per_token / (device.peak_flops * _interpolate(table, rung.shape.d_model))


def run_seconds(spec: RunSpec, per_token: float) -> float:
    """Seconds of one run on its slot: its new tokens, its evaluations, and what every run costs."""
    evaluated = len(spec.evaluation_steps) * spec.evaluation_tokens * _EVALUATION_SHARE
    return _RUN_OVERHEAD + (spec.new_tokens + evaluated) * per_token


def per_token_of(spec: RunSpec, seconds: float) -> float:
    """The seconds a token that `run_seconds` has made these seconds of."""
    evaluated = len(spec.evaluation_steps) * spec.evaluation_tokens * _EVALUATION_SHARE
    return max(seconds - _RUN_OVERHEAD, 0.0) / (spec.new_tokens + evaluated)


def makespan(runs: tuple[RunSpec, ...], seconds: Mapping[str, float], slots: int) -> float:
    """Seconds of all runs on `slots` slots, the longest chain first, a branch once its trunk has passed it."""
    trunks = [spec for spec in runs if spec.parent is None]
    ready: list[tuple[float, float, str]] = []  # (released at, seconds, run)
    free = [0.0] * slots
    for trunk in sorted(trunks, key=lambda spec: -seconds[spec.run]):
        start = _take(free, seconds[trunk.run], 0.0)
        length = max(1, trunk.n_steps - trunk.first_step)
        for spec in runs:
            if spec.parent == trunk.run:
                passed = start + seconds[trunk.run] * (spec.first_step - trunk.first_step) / length
                ready.append((passed, seconds[spec.run], spec.run))
    for released, own, _ in sorted(ready):
        _take(free, own, released)
    return max(free)


def _take(free: list[float], length: float, released: float) -> float:
    slot = min(range(len(free)), key=lambda index: max(free[index], released))
    start = max(free[slot], released)
    free[slot] = start + length
    return start


def _interpolate(table: tuple[tuple[int, float], ...], width: int) -> float:
    """Linear in log2 of the width, flat beyond the ends."""
    if width <= table[0][0]:
        return table[0][1]
    for (low, share), (high, more) in pairwise(table):
        if width <= high:
            return share + (more - share) * math.log2(width / low) / math.log2(high / low)
    return table[-1][1]
