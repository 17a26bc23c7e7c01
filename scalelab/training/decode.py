"""Answers of a finished model to prompts, by greedy decoding, many at once. Token ids in, token ids out.

Rows are padded behind their end, which a causal model does not see, so that every architecture decodes as it trained:
no masks, no positions of its own. Nothing is kept between steps; what that costs is bounded by number and time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scalelab.training.device import Device
from scalelab.training.generate import load_model
from scalelab.training.model import head_weight, hidden_states

ROWS = 64
"""Prompts at once."""


def decode(
    model_dir: Path, prompts: Sequence[Sequence[int]], device: Device, *, end: int, longest: int, dtype: str = "auto",
    seconds: float = 60.0, should_stop: Callable[[], bool] = lambda: False,
) -> list[list[int] | None]:  # fmt: skip
    """What the model of a run writes after each prompt, up to its end of text.

    Parameters
    ----------
    end : the token that ends an answer, and that pads.
    longest : tokens of an answer at most, its end included; the context may allow fewer.
    seconds, should_stop : after which, or when which says so, no further prompts are begun and the present ones drop.

    Returns
    -------
    The answers in the order of the prompts, without their ends; None for those that were not reached.

    Raises
    ------
    ScalelabError
        There is no whole model.
    """
    model = load_model(model_dir).to(device.torch_device)
    context = int(model.config.max_position_embeddings)
    until = time.monotonic() + seconds
    answers: list[list[int] | None] = [None] * len(prompts)
    # In order, so that a bound cuts the last ones off and never the long ones.
    for start in range(0, len(prompts), ROWS):
        places = range(start, min(start + ROWS, len(prompts)))
        rows = [list(prompts[place])[-(context - 1) :] for place in places]
        done = _batch(
            model, rows, device, end=end, longest=longest, context=context, dtype=dtype,
            over=lambda: should_stop() or time.monotonic() > until,
        )  # fmt: skip
        if done is None:
            break
        for place, answer in zip(places, done, strict=True):
            answers[place] = answer
    return answers


@torch.inference_mode()
def _batch(
    model: Any, rows: list[list[int]], device: Device, *, end: int, longest: int, context: int, dtype: str,
    over: Callable[[], bool],
) -> list[list[int]] | None:  # fmt: skip
    sizes = torch.tensor([len(row) for row in rows], device=device.torch_device)
    width = min(int(sizes.max()) + longest, context)
    ids = torch.full((len(rows), width), end, dtype=torch.long, device=device.torch_device)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row, device=device.torch_device)
    begun, live = sizes.clone(), torch.arange(len(rows), device=device.torch_device)
    for _ in range(longest):
        if over():
            return None
        following = _next(model, ids[live, : int(sizes[live].max())], sizes[live], device, dtype)
        live, following = live[following != end], following[following != end]
        ids[live, sizes[live]] = following
        sizes[live] += 1
        live = live[sizes[live] < width]
        if not len(live):
            break
    return [ids[number, begun[number] : sizes[number]].tolist() for number in range(len(rows))]


def _next(model: Any, ids: Tensor, sizes: Tensor, device: Device, dtype: str) -> Tensor:
    """The likeliest token behind each row."""
    with device.autocast(device.dtype(dtype)):
        last = hidden_states(model, ids)[torch.arange(len(ids), device=ids.device), sizes - 1]
        logits = last @ head_weight(model).to(last.dtype).t()
    found: Tensor = logits.float().argmax(1)
    return found
