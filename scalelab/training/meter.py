"""Turns steps into points: means since the last point, without reading the device in between. Knows no files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from scalelab.records import Point, RunSpec
from scalelab.training.device import Device

SUMS, STEPS = "meter/sums", "meter/steps"


class Meter:
    """Sums loss and gradient norm on the device, and counts the seconds spent training."""

    def __init__(self, spec: RunSpec, device: Device, *, attempt: int) -> None:
        self._spec, self._device, self._attempt = spec, device, attempt
        self._every = spec.points_every
        self._sums = torch.zeros(2, device=device.torch_device)
        self._steps = self._timed_steps = 0
        self._seconds = self._point_seconds = 0.0
        self._since = time.perf_counter()

    def begin(self) -> None:
        """Time counts from here on."""
        self._since = time.perf_counter()

    def add(self, loss: Tensor, norm: Tensor) -> None:
        """One step."""
        self._sums += torch.stack((loss, norm))
        self._steps += 1
        self._timed_steps += 1

    def state(self) -> dict[str, Tensor]:
        """What has been summed since the last point, for a checkpoint between two."""
        return {SUMS: self._sums.clone(), STEPS: torch.tensor(self._steps)}

    def restore(self, tensors: Mapping[str, Tensor], *, seconds: float = 0.0) -> None:
        """Go on with those sums, so that the next point is the mean of as many steps; their seconds are another's.

        `seconds` were spent in this attempt before.
        """
        self._seconds = self._point_seconds = seconds
        if SUMS in tensors and STEPS in tensors:
            self._sums.copy_(tensors[SUMS])
            self._steps = int(tensors[STEPS])

    def due(self, step: int) -> bool:
        """Whether a point belongs after `step` finished steps."""
        return step % self._every == 0 or step == self._spec.n_steps

    def point(self, step: int, lr: float) -> Point:
        """The point of the steps since the last one."""
        loss, norm = (self._sums / self._steps).tolist()
        now = time.perf_counter()
        self._seconds, self._since = self._seconds + now - self._since, now
        tokens = self._timed_steps * self._spec.batch_tokens
        speed = tokens / max(self._seconds - self._point_seconds, 1e-9)
        self._sums.zero_()
        self._steps, self._timed_steps, self._point_seconds = 0, 0, self._seconds
        return Point(
            run=self._spec.run,
            attempt=self._attempt,
            step=step,
            n_tokens=step * self._spec.batch_tokens,
            loss=loss,
            lr=lr,
            grad_norm=norm,
            tokens_per_second=speed,
            seconds=self._seconds,
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time that is not training: an evaluation, a checkpoint."""
        self._device.synchronize()
        self._seconds += time.perf_counter() - self._since
        try:
            yield
        finally:
            self._since = time.perf_counter()
