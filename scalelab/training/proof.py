"""Whether a device trains as it should: its own steps beside textbook ones in float64, and a run cut and gone on with.

The textbook is the library's model, torch's autograd and AdamW as Loshchilov & Hutter 2019 (arXiv:1711.05101) print
it, all in float64 on the CPU: none of the fast paths that a run takes. Knows no lab and writes into one folder.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scalelab.records import (
    AdamW,
    Decay,
    ModelShape,
    Outcome,
    ParameterCount,
    RunKind,
    RunSpec,
    RunState,
    Schedule,
    TokenSet,
)  # fmt: skip
from scalelab.training.device import Device
from scalelab.training.engine import open_engine
from scalelab.training.model import build, count
from scalelab.training.optimizer import FlatAdamW
from scalelab.training.run import train
from scalelab.training.step import GradientStep, is_out_of_memory

STEPS, RATE = 10, 3e-3
SHAPE = ModelShape(
    architecture="gpt2", n_layer=4, d_model=128, n_head=4, d_ff=512, context=64, vocab_size=512, tied=True
)
_SEQUENCES = 8
COMPILED_OFF = 0.005
"""Share of a loss that fused kernels may differ by, in bfloat16 as well."""


def prove(device: Device, folder: Path) -> dict[str, Any]:
    """What a device does, measured.

    Returns
    -------
    gradient_error : |g − g₆₄| / |g₆₄| of the first step's gradient.
    loss_error : the largest |L − L₆₄| / L₆₄ over ten steps.
    dtype : of the matrix products.
    repeats : whether the same ten steps give the same bits again.
    resumes : whether a run that was stopped and went on ends with the weights of one that was not, bit for bit.
    compiles : why torch.compile does not do as well, empty where it does or is never used.
    refuses : whether an allocation beyond its memory is told as such; None on a CPU, whose kernel promises more.
    tokens_per_second : of these steps; peak_flops of a matrix product.
    """
    spec = _spec(_SEQUENCES)
    batches = list(_batches(spec, STEPS))
    book = _textbook(spec, batches)
    began = time.perf_counter()
    first = _as_trained(spec, device, batches)
    seconds = time.perf_counter() - began
    second = _as_trained(spec, device, batches)
    return {
        "gradient_error": float((first[0] - book[0]).norm() / book[0].norm()),
        "loss_error": max(abs(mine - true) / true for mine, true in zip(first[1], book[1], strict=True)),
        "dtype": str(device.dtype(spec.dtype)).removeprefix("torch."),
        "repeats": first[1] == second[1] and bool(torch.equal(first[0], second[0])),
        "resumes": _resumes(device, folder),
        "compiles": _compiles(device, spec, batches, first[1]) if device.compiles else "",
        "refuses": None if device.torch_device.type == "cpu" else _refuses(device),
        "tokens_per_second": STEPS * spec.batch_tokens / seconds,
        "peak_flops": device.measure_peak().peak_flops,
    }


Course = tuple[Tensor, list[float]]
"""The first step's gradient as one float64 vector in the order of the model's parameters, and every step's loss."""


def _textbook(spec: RunSpec, batches: list[Tensor]) -> Course:
    model: Any = build(spec.shape, spec.seed).double()
    weights = list(model.parameters())
    moments = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in weights]
    first, losses = torch.empty(0), []
    for step, windows in enumerate(batches, 1):
        logits = model(input_ids=windows[:, :-1], use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        gradient = torch.autograd.grad(loss, weights)
        if step == 1:
            first = torch.cat([part.flatten() for part in gradient])
        _adamw(weights, gradient, moments, step, spec.optimizer)
        losses.append(float(loss.detach()))
    return first, losses


@torch.no_grad()
def _adamw(weights: Any, gradient: Any, moments: Any, step: int, settings: AdamW) -> None:
    """One update, clipped; matrices decay, vectors do not."""
    norm = torch.cat([part.flatten() for part in gradient]).norm()
    clip = min(1.0, float(settings.clip / (norm + 1e-6))) if settings.clip > 0 else 1.0
    b1, b2 = settings.beta1, settings.beta2
    for weight, part, (mean, square) in zip(weights, gradient, moments, strict=True):
        part = part * clip
        weight.mul_(1 - RATE * (settings.weight_decay if weight.dim() > 1 else 0.0))
        mean.mul_(b1).add_(part, alpha=1 - b1)
        square.mul_(b2).addcmul_(part, part, value=1 - b2)
        weight.sub_(RATE * mean / (1 - b1**step) / ((square / (1 - b2**step)).sqrt() + settings.eps))


def _as_trained(spec: RunSpec, device: Device, batches: list[Tensor]) -> Course:
    """The same steps as a run takes them."""
    engine = open_engine(spec, device)
    optimizer = FlatAdamW(engine.flat, spec.optimizer)
    gradient = GradientStep(engine, device, micro_sequences=spec.micro_sequences, say=lambda _: None)
    first, losses = torch.empty(0), []
    for step, windows in enumerate(batches, 1):
        losses.append(gradient.take(windows.to(device.torch_device)))
        if step == 1:
            parts = [weight.grad for weight in engine.model.parameters()]
            first = torch.cat([part.flatten().double().cpu() for part in parts if part is not None])
        optimizer.update(step=step, lr=RATE, norm=optimizer.norm())
    device.synchronize()
    return first, [float(loss) for loss in losses]


def _batches(spec: RunSpec, steps: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(1)
    size = (spec.batch_sequences, spec.shape.context + 1)
    for _ in range(steps):
        yield torch.randint(spec.shape.vocab_size, size, generator=generator)


def _resumes(device: Device, folder: Path) -> bool:
    """One run undisturbed, and one that is stopped half-way and goes on: the same bytes of weights at the end?"""
    tokens = _tokens(folder / "tokens")
    whole = _weights(device, tokens, folder / "whole", [10**9])
    return whole == _weights(device, tokens, folder / "halves", [STEPS // 2, 10**9])


def _weights(device: Device, tokens: TokenSet, folder: Path, stops: list[int]) -> str:
    spec, start = _spec(_SEQUENCES), None
    for attempt, steps in enumerate(stops):
        outcome = train(
            spec, tokens, attempt=attempt, run_dir=folder, device=device, report=lambda _: None,
            should_stop=_after(steps), resume_from=start, checkpoint_seconds=1e9,
        )  # fmt: skip
        if outcome.state is RunState.STOPPED:
            start = _newest(outcome, folder)
        elif outcome.state is not RunState.DONE:
            raise RuntimeError(outcome.reason)
    return hashlib.sha256((folder / "model" / "model.safetensors").read_bytes()).hexdigest()


def _newest(outcome: Outcome, folder: Path) -> Path:
    from scalelab.training import checkpoint

    found = checkpoint.latest(folder)
    if found is None:
        raise RuntimeError(f"stopped at step {outcome.step} and left no checkpoint that loads")
    return found


def _after(steps: int) -> Callable[[], bool]:
    left = iter(range(steps))
    return lambda: next(left, None) is None


def _compiles(device: Device, spec: RunSpec, batches: list[Tensor], eager: list[float]) -> str:
    """What is wrong with compiled steps: they need a C compiler and more, which many a machine lacks."""
    try:
        losses = _as_trained(replace(spec, compile=True), device, batches)[1]
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    finally:
        torch.compiler.reset()
    off = max(abs(mine - true) / true for mine, true in zip(losses, eager, strict=True))
    return f"its losses are {off:.1%} off" if not off < COMPILED_OFF else ""


def _refuses(device: Device) -> bool:
    """Whether more than all of its memory is refused in a way that a run takes for what it is."""
    _, total = device.memory()
    try:
        torch.empty(2 * total, dtype=torch.uint8, device=device.torch_device).fill_(1)
    except (RuntimeError, MemoryError) as error:
        return is_out_of_memory(error)
    finally:
        device.free_unused()
    return False


def _tokens(folder: Path) -> TokenSet:
    folder.mkdir(parents=True)
    draw, size = np.random.default_rng(1), 64 * 256
    for part in ("train", "held_out"):
        draw.integers(0, SHAPE.vocab_size, size).astype("<u2").tofile(folder / f"{part}.bin")
    return TokenSet(
        key="proof", directory=str(folder), corpus="random", tokenizer="none", dtype="uint16",
        vocab_size=SHAPE.vocab_size, train_tokens=size, train_bytes=size, held_out_tokens=size, held_out_bytes=size,
    )  # fmt: skip


def _spec(sequences: int) -> RunSpec:
    schedule = Schedule(peak=RATE, warmup_steps=1, decay=Decay.COOLDOWN, decay_start=STEPS - 2, n_steps=STEPS)
    counts: ParameterCount = count(SHAPE)
    return RunSpec(
        run="proof", kind=RunKind.SINGLE, rung="128x4", seed=0, shape=SHAPE, counts=counts,
        batch_sequences=sequences, micro_sequences=sequences // 2, first_step=0, schedule=schedule, optimizer=AdamW(),
        evaluation_tokens=1024,
    )  # fmt: skip
