"""One step's gradient: micro-batches at constant tokens a step, smaller ones where memory runs out. Knows no update."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import OutOfMemoryError, Tensor

from scalelab.errors import ScalelabError
from scalelab.training.device import Device
from scalelab.training.engine import Engine
from scalelab.units import format_bytes

T = TypeVar("T")


class GradientStep:
    """Adds up the gradient of a whole batch, micro-batch by micro-batch."""

    def __init__(self, engine: Engine, device: Device, *, micro_sequences: int, say: Callable[[str], None]) -> None:
        self.micro_sequences = micro_sequences
        self._engine, self._device, self._say = engine, device, say

    def take(self, windows: Tensor, n_targets: int | None = None) -> Tensor:
        """The mean loss of (sequences, context + 1) tokens, with its gradient in the flat buffer.

        With `n_targets` it is the mean over so many of them, and the tokens below 0 are inputs alone (see `batches`).

        Raises
        ------
        ScalelabError
            Where even one sequence at a time does not fit.
        """
        return self.fitting(lambda: self._accumulate(windows, n_targets))

    def fitting(self, work: Callable[[], T]) -> T:
        """What `work` returns, done again from its beginning with `micro_sequences` halved while memory runs out.

        Raises as `take` does.
        """
        while True:
            try:
                return work()
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                problem = str(error).splitlines()[0]
            # Outside the except block, so that the failed pass's tensors are no longer held by its traceback.
            self._halve(problem)

    def _accumulate(self, windows: Tensor, n_targets: int | None) -> Tensor:
        ids, targets = windows[:, :-1], windows[:, 1:]
        masked = n_targets is not None
        if masked:
            ids = inputs_of(ids)
        scale = 1.0 / (targets.numel() if n_targets is None else max(n_targets, 1))
        total: Tensor | None = None
        for start in range(0, len(ids), self.micro_sequences):
            part = slice(start, start + self.micro_sequences)
            loss = self._engine.forward_backward(ids[part], targets[part], scale=scale, fresh=start == 0, masked=masked)
            total = loss if total is None else total + loss
        assert total is not None
        return total

    def _halve(self, problem: str) -> None:
        self._engine.release()
        self._device.free_unused()
        room = room_on(self._device)
        if self.micro_sequences == 1:
            raise ScalelabError(
                f"out of memory with one sequence at a time: {problem}; there was {room}",
                todo="use a smaller rung, a shorter context, or a device with more memory",
            )
        self.micro_sequences = -(-self.micro_sequences // 2)
        self._say(f"out of memory: {problem}; {room}; going on with {self.micro_sequences} sequences at a time")


def inputs_of(windows: Tensor) -> Tensor:
    """The tokens of windows in which those that are no targets stand as their complement."""
    return torch.where(windows < 0, ~windows, windows)


_WORDS = ("out of memory", "can't allocate memory", "status_alloc_failed", "cudaerrormemoryallocation")
"""Of allocators without an exception class of their own: CUDA's runtime, cuBLAS and cuDNN, MPS, the CPU."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocator said no: CUDA's, MPS's, the CPU's, or Python's."""
    if isinstance(error, (OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _WORDS)


def room_on(device: Device) -> str:
    """The memory that is free on a device, in words."""
    free, total = device.memory()
    return f"{format_bytes(free)} of {format_bytes(total)} free on {device.name}"
