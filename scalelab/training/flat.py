"""A module's parameters as views into two flat buffers, weights and gradients: the optimizer sees one tensor, not 100.

On the smallest rungs the calls per tensor cost more than the arithmetic. Works for any module; knows no model class.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

ALIGN = 32
"""Every view starts at a multiple of 128 bytes, as vector units like it."""


class FlatParameters:
    """The parameters of a module, moved to a device: matrices first (they are decayed), then all others."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        module.to(device)
        named = dict(module.named_parameters())
        self._places: dict[str, tuple[int, torch.Size]] = {}
        self.n_decayed = self._place(named, 0, matrices=True)
        """Numbers in the buffers that belong to matrices, padding included."""
        end = self._place(named, self.n_decayed, matrices=False)
        self.weights = torch.zeros(end, device=device)
        self.grads = torch.zeros(end, device=device)
        weights, grads = self.views(self.weights), self.views(self.grads)
        with torch.no_grad():
            for name, parameter in named.items():
                weights[name].copy_(parameter)
                parameter.data, parameter.grad = weights[name], grads[name]

    def _place(self, named: dict[str, nn.Parameter], end: int, *, matrices: bool) -> int:
        for name, parameter in named.items():
            if (parameter.ndim >= 2) is matrices:
                self._places[name] = (end, parameter.shape)
                end += -(-parameter.numel() // ALIGN) * ALIGN
        return end

    def views(self, buffer: Tensor) -> dict[str, Tensor]:
        """A buffer of this layout as named tensors that share its memory."""
        return {
            name: buffer[start : start + shape.numel()].view(shape) for name, (start, shape) in self._places.items()
        }
