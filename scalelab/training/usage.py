"""What a slot takes of its device: memory and work, asked of torch or of the kernel. Knows no run and tells nobody.

A look costs some ten microseconds on a CPU and neither waits for the device nor for the training.
"""

from __future__ import annotations

import time
import warnings

import psutil
import torch

from scalelab.records import Usage
from scalelab.training.device import Device


class UsageGauge:
    """Looks at one slot again and again; the work is that since the last look."""

    def __init__(self, device: Device, slot: int) -> None:
        self._device, self._slot = device, slot
        self._process = psutil.Process()
        self._looked, self._worked = time.monotonic(), self._cpu_seconds()

    def look(self) -> Usage:
        """How it is now."""
        kind = self._device.torch_device.type
        used, total = self._memory(kind)
        return Usage(
            slot=self._slot,
            device=self._device.name,
            time=time.time(),
            memory_used=used,
            memory_total=total,
            utilisation={"cpu": self._cpu_share, "cuda": self._cuda_share}.get(kind, lambda: None)(),
        )

    def _memory(self, kind: str) -> tuple[int, int]:
        if kind == "cuda":
            free, total = self._device.memory()
            return total - free, total
        if kind == "mps":
            # A Mac has one memory for both, of which Metal lets a GPU have so much.
            return int(torch.mps.driver_allocated_memory()), int(torch.mps.recommended_max_memory())
        return int(self._process.memory_info().rss), int(psutil.virtual_memory().total)

    def _cpu_share(self) -> float | None:
        now, worked = time.monotonic(), self._cpu_seconds()
        passed, spent = now - self._looked, worked - self._worked
        self._looked, self._worked = now, worked
        return min(max(spent / (passed * self._device.threads), 0.0), 1.0) if passed > 0 else None

    def _cuda_share(self) -> float | None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return min(max(torch.cuda.utilization(self._device.torch_device) / 100.0, 0.0), 1.0)
        except Exception:
            # No NVML here, or a card that is shared in parts: torch has no one exception for it.
            return None

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
