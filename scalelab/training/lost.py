"""Devices that vanish: by which words a driver says that a card is gone, or that this process can do nothing with it.

Such an error stays: every later call of the process fails with it too. Knows no run.
"""

from __future__ import annotations

from scalelab.errors import ScalelabError

_WORDS = (
    "device lost", "gpu is lost", "fallen off the bus", "no cuda-capable device", "invalid device ordinal",
    "busy or unavailable", "uncorrectable ecc", "uncorrectable nvlink", "hardware stack error",
    "unspecified launch failure", "launch timed out", "cuda error: unknown error", "no hip gpus", "gpu hang",
)  # fmt: skip
"""cudaError 46, 100, 101, 214, 220, 702, 714, 719 and 999 in CUDA's words (Runtime API, "Data types used by CUDA
Runtime"); NVML's GPU_IS_LOST, Xid 79, ROCm's and Metal's. An illegal access is a mistake of a kernel, and not here."""


class DeviceLost(ScalelabError):
    """A device that a run was to train on is not there any more."""


def is_lost(error: BaseException) -> bool:
    """Whether an error says that the device is gone."""
    if isinstance(error, DeviceLost):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _WORDS)
