"""AdamW over flat buffers: one norm and two fused kernel calls a step. Knows no model and no schedule.

The fused kernel is called itself: constructing a torch.optim optimizer imports torch._dynamo, which takes seconds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from scalelab.records import AdamW
from scalelab.training.flat import FlatParameters

_SCALES = {"cpu", "cuda"}
"""Where the fused kernel divides the gradient itself; Metal's takes the argument and makes no use of it."""


class FlatAdamW:
    """The optimizer's two moments, in the layout of the parameters."""

    def __init__(self, flat: FlatParameters, settings: AdamW) -> None:
        self._flat, self._settings = flat, settings
        self.exp_avg = torch.zeros_like(flat.weights)
        self.exp_avg_sq = torch.zeros_like(flat.weights)
        n = flat.n_decayed
        self._parts = [
            ([flat.weights[part]], [flat.grads[part]], [self.exp_avg[part]], [self.exp_avg_sq[part]], decay)
            for part, decay in ((slice(0, n), settings.weight_decay), (slice(n, None), 0.0))
            if len(flat.weights[part])
        ]

    def norm(self) -> Tensor:
        """The norm of the whole gradient: not finite as soon as one number is not."""
        norm: Tensor = torch.linalg.vector_norm(self._flat.grads)
        return norm

    def update(self, *, step: int, lr: float, norm: Tensor, skip: Tensor | None = None) -> None:
        """Clips, and takes update number `step` (from 1). `skip`, on the device, is 1 where nothing may change."""
        settings = self._settings
        scale = ((norm + 1e-6) / settings.clip).clamp_(min=1.0) if settings.clip > 0 else None
        if scale is not None and self._flat.grads.device.type not in _SCALES:
            self._flat.grads.div_(scale)
            scale = None
        for weights, grads, averages, squares, decay in self._parts:
            # The kernel reads the count of this update; the loop owns it, so that a skipped one is not counted.
            count = torch.full((), float(step), device=weights[0].device)
            torch._fused_adamw_(
                weights, grads, averages, squares, [], [count], lr=lr, beta1=settings.beta1, beta2=settings.beta2,
                weight_decay=decay, eps=settings.eps, amsgrad=False, maximize=False, grad_scale=scale, found_inf=skip,
            )  # fmt: skip
