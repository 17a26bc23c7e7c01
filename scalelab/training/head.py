"""The cross-entropy on the final hidden states, with its gradients made at once, in chunks that fit the cache.

One pass over the logits instead of autograd's five; the head's gradient is added where it belongs and never copied.
Knows tensors only: any causal LM whose logits are hidden states × head can use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK_LOGITS = 1 << 20
"""Logits at a time on a CPU: 4 MB of float32. Fewer rows make the products slow, more leave the cache."""

CHUNK_LOGITS_GPU = 1 << 28
"""Logits at a time elsewhere: 1 GB, a fraction of what a whole micro-batch of 50,257 wide logits would take."""

SMALLEST = torch.finfo(torch.float32).tiny
"""Probability below which a token's loss is counted as 87 nats; its gradient is exact all the same."""


def chunk_rows(vocab_size: int, device: torch.device) -> int:
    """Rows of logits at a time, at least 128."""
    return max(128, (CHUNK_LOGITS if device.type == "cpu" else CHUNK_LOGITS_GPU) // vocab_size)


@torch.no_grad()
def loss_and_gradient(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    *,
    weight_grad: Tensor,
    scale: float,
    dtype: torch.dtype,
    fresh: bool = False,
) -> tuple[Tensor, Tensor]:
    """The loss times `scale`, summed over tokens, and its gradient at the hidden states.

    Parameters
    ----------
    hidden : (tokens, d_model); weight : (vocab_size, d_model); targets : (tokens,) int64
    weight_grad : (vocab_size, d_model), float32
        The gradient at the head is added to it, or replaces it where `fresh`.
    scale : share of one token in the mean over the batch: 1 / tokens of the whole step.
    dtype : of the matrix products; the softmax is float32.

    Returns
    -------
    Loss in nats (a scalar on the device), gradient of the shape and dtype of `hidden`.
    """
    total = torch.zeros((), device=hidden.device)
    gradient = torch.empty_like(hidden)
    states, head = hidden.to(dtype), weight.to(dtype)
    rows = chunk_rows(len(weight), hidden.device)
    for start in range(0, len(hidden), rows):
        part = slice(start, start + rows)
        wanted = targets[part].unsqueeze(1)
        shares = torch.softmax((states[part] @ head.t()).float(), dim=1)
        own = shares.gather(1, wanted)
        shares.scatter_(1, wanted, own - 1.0)
        total -= own.clamp_min_(SMALLEST).log_().sum()
        beta = 0 if fresh and start == 0 else 1
        if dtype is torch.float32:
            weight_grad.addmm_(shares.t(), states[part], beta=beta, alpha=scale)
            torch.addmm(gradient[part], shares, head, beta=0, alpha=scale, out=gradient[part])
        else:
            errors = shares.to(dtype)
            weight_grad.mul_(beta).add_(errors.t() @ states[part], alpha=scale)
            gradient[part] = (errors @ head).mul_(scale)
    return total.mul_(scale), gradient


@dataclass(frozen=True, slots=True)
class Scores:
    """What a forward pass over whole sequences says about each of them."""

    loss: Tensor
    """(sequences,) mean nats a token."""
    correct: Tensor
    """(sequences,) share of tokens that the model ranks first."""


@torch.no_grad()
def scores(hidden: Tensor, weight: Tensor, targets: Tensor, *, dtype: torch.dtype) -> Scores:
    """Loss and accuracy of each sequence: hidden (sequences, context, d_model), targets (sequences, context)."""
    states, wanted, head = hidden.flatten(0, 1).to(dtype), targets.flatten(), weight.to(dtype)
    losses = torch.empty(len(states), device=states.device)
    correct = torch.empty(len(states), device=states.device)
    rows = chunk_rows(len(weight), hidden.device)
    for start in range(0, len(states), rows):
        part = slice(start, start + rows)
        logs = torch.log_softmax((states[part] @ head.t()).float(), dim=1)
        own = logs.gather(1, wanted[part].unsqueeze(1)).squeeze(1)
        losses[part] = -own
        correct[part] = (own >= logs.amax(dim=1)).float()
    return Scores(losses.view_as(targets).mean(1), correct.view_as(targets).mean(1))
