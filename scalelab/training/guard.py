"""Stops a run whose loss or gradient is not finite, before the update. Knows only the device's numbers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from scalelab.training.device import Device


class Diverged(Exception):
    """The loss or the gradient of a step was not finite; its update was not made."""

    def __init__(self, step: int, loss: float, norm: float) -> None:
        self.step = step
        super().__init__(f"loss {loss:.4g}, gradient norm {norm:.4g} in step {step + 1}")


class Guard:
    """Looks at every step on a CPU; elsewhere the device itself skips all updates from the first bad step on.

    Reading a number from a GPU waits for it: so the flag stays there, and `settle` reads it when a point is due.
    """

    def __init__(self, device: Device) -> None:
        self._at_once = device.synchronous
        self._bad = torch.zeros((), device=device.torch_device)
        self._first_bad = torch.full((), -1.0, device=device.torch_device)

    def check(self, step: int, loss: Tensor, norm: Tensor) -> Tensor | None:
        """What the optimizer gets as `skip`; raises Diverged where that is free of charge."""
        if self._at_once:
            if not (math.isfinite(float(norm)) and math.isfinite(float(loss))):
                raise Diverged(step, float(loss), float(norm))
            return None
        was_bad = self._bad
        self._bad = torch.maximum(was_bad, (~torch.isfinite(norm + loss)).float())
        self._first_bad = torch.where((self._bad > was_bad), float(step), self._first_bad)
        return self._bad

    def settle(self) -> None:
        """Raises Diverged if a step since the last call was bad."""
        if not self._at_once and float(self._bad) > 0:
            raise Diverged(int(self._first_bad), math.nan, math.nan)
