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
    masked: bool = False,
) -> tuple[Tensor, Tensor]:
    """The loss times `scale`, summed over tokens, and its gradient at the hidden states.

    Parameters
    ----------
    hidden : (tokens, d_model); weight : (vocab_size, d_model); targets : (tokens,) int64
    weight_grad : (vocab_size, d_model), float32
        The gradient at the head is added to it, or replaces it where `fresh`.
    scale : share of one token in the mean over the batch: 1 / tokens of the whole step.
    dtype : of the matrix products; the softmax is float32.
    masked : whether some targets are below 0: those tokens have no loss, no gradient, and cost no logits.

    Returns
    -------
    Loss in nats (a scalar on the device), gradient of the shape and dtype of `hidden`.
    """
    if masked:
        return _of_kept(hidden, weight, targets, weight_grad=weight_grad, scale=scale, dtype=dtype, fresh=fresh)
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


def _of_kept(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, weight_grad: Tensor, scale: float, dtype: torch.dtype,
    fresh: bool,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The same of the tokens whose target is not below 0; the gradient at all others is zero."""
    kept = (targets >= 0).nonzero().squeeze(1)
    if fresh and not len(kept):
        weight_grad.zero_()
    loss, part = loss_and_gradient(
        hidden[kept], weight, targets[kept], weight_grad=weight_grad, scale=scale, dtype=dtype, fresh=fresh
    )
    return loss, torch.zeros_like(hidden).index_copy_(0, kept, part)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a forward pass over whole sequences says about each of them."""

    loss: Tensor
    """(sequences,) mean nats a token."""
    correct: Tensor
    """(sequences,) share of tokens that the model ranks first."""
    counts: Tensor | None = None
    """(sequences,) tokens that those are means of, where they differ."""


@torch.no_grad()
def scores(hidden: Tensor, weight: Tensor, targets: Tensor, *, dtype: torch.dtype, masked: bool = False) -> Scores:
    """Loss and accuracy of each sequence: hidden (sequences, context, d_model), targets (sequences, context).

    Where `masked`, of the targets that are not below 0.
    """
    states, wanted, head = hidden.flatten(0, 1).to(dtype), targets.flatten(), weight.to(dtype)
    if masked:
        wanted = wanted.clamp_min(0)
    losses = torch.empty(len(states), device=states.device)
    correct = torch.empty(len(states), device=states.device)
    rows = chunk_rows(len(weight), hidden.device)
    for start in range(0, len(states), rows):
        part = slice(start, start + rows)
        logs = torch.log_softmax((states[part] @ head.t()).float(), dim=1)
        own = logs.gather(1, wanted[part].unsqueeze(1)).squeeze(1)
        losses[part] = -own
        correct[part] = (own >= logs.amax(dim=1)).float()
    losses, correct = losses.view_as(targets), correct.view_as(targets)
    if not masked:
        return Scores(losses.mean(1), correct.mean(1))
    kept = (targets >= 0).float()
    counts = kept.sum(1)
    return Scores((losses * kept).sum(1) / counts.clamp_min(1), (correct * kept).sum(1) / counts.clamp_min(1), counts)
