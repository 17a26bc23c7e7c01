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
        named = dict(module.named_parameters())
        matrices = [name for name, weight in named.items() if weight.ndim >= 2]
        others = [name for name, weight in named.items() if weight.ndim < 2]
        places: dict[str, tuple[int, torch.Size]] = {}
        end = 0
        for name in matrices + others:
            if name == (others[0] if others else None):
                self.n_decayed = end
            places[name] = (end, named[name].shape)
            end += -(-named[name].numel() // ALIGN) * ALIGN
        if not others:
            self.n_decayed = end
        self._places = places
        self.weights = torch.zeros(end, device=device)
        self.grads = torch.zeros(end, device=device)
        with torch.no_grad():
            for name, view in self.views(self.weights).items():
                view.copy_(named[name])
                named[name].data = view
                named[name].grad = self.views(self.grads, name)[name]
        module.to(device)

    def views(self, buffer: Tensor, *only: str) -> dict[str, Tensor]:
        """A buffer of this layout as named tensors that share its memory."""
        return {
            name: buffer[start : start + shape.numel()].view(shape)
            for name, (start, shape) in self._places.items()
            if not only or name in only
        }
