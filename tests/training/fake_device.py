"""A device that is a CPU underneath, has several slots, and can fail or answer late: what no CI machine offers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scalelab.training.device import Device


class FakeDevice(Device):
    """Slots as asked; fails after a number of batches; as asynchronous as a GPU where wanted."""

    def __init__(self, *, slots: int = 4, fail_after: int | None = None, asynchronous: bool = False) -> None:
        super().__init__(torch.device("cpu"))
        self.name = "fake:0"
        self.info = replace(self.info, name=self.name, label="a fake", slots=slots)
        self._left = fail_after
        self._asynchronous = asynchronous

    @property
    def synchronous(self) -> bool:
        return not self._asynchronous

    def put(self, array: NDArray[np.int64]) -> Tensor:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise RuntimeError("fake:0 has fallen off the bus")
        return super().put(array)

    def memory(self) -> tuple[int, int]:
        return 1_000_000, 8_000_000


class Stingy:
    """An engine whose allocator gives memory for at most `most` sequences at a time."""

    def __init__(self, engine: Any, most: int, most_scored: int = 1 << 30) -> None:
        self._engine, self._most, self._most_scored = engine, most, most_scored
        (self.model, self.flat, self.release) = engine.model, engine.flat, engine.release

    def forward_backward(
        self, ids: Tensor, targets: Tensor, *, scale: float, fresh: bool, masked: bool = False
    ) -> Tensor:
        loss: Tensor = self._engine.forward_backward(ids, targets, scale=scale, fresh=fresh, masked=masked)
        if len(ids) > self._most:
            raise torch.OutOfMemoryError("tried to allocate 3.00 GiB")
        return loss

    def scores(self, ids: Tensor, targets: Tensor, *, masked: bool = False) -> Any:
        if len(ids) > self._most_scored:
            raise torch.OutOfMemoryError("tried to allocate 5.00 GiB")
        return self._engine.scores(ids, targets, masked=masked)
