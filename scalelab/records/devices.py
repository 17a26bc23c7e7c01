"""A device as plans and screens see it, what is taken of it while something trains, and one that vanished."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from scalelab.records.base import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo(Json):
    """A device as the plan and the screens see it; torch's own object stays inside the training room."""

    name: str
    """"cpu", "cuda:0", "mps"."""
    label: str
    """What a person calls it: "AMD EPYC, 2 cores", "NVIDIA H100"."""
    memory_bytes: int
    slots: int
    """Runs that train at once: physical cores of a CPU, 1 or more on a GPU."""
    peak_flops: float
    """FLOP/s of one slot in the training dtype."""
    peak_source: str
    """"measured" (matmul on the device), "estimated" (matmul in numpy), "nominal" (data sheet)."""
    dtype: str = "float32"
    members: tuple[str, ...] = ()
    """The devices behind "cuda" when it means every card of the box; empty for a single device."""

    def slot_device(self, slot: int) -> str:
        """The device that slot number `slot` trains on."""
        return self.members[slot % len(self.members)] if self.members else self.name

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The device from plain values."""
        return cls(**{**values, "members": tuple(values.get("members", ()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside(Json):
    """A device that a session no longer uses, because it vanished under a run."""

    device: str
    """"cuda:1"."""
    reason: str
    """What the run that lost it said."""
    time: float
    """When, seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage(Json):
    """What a slot takes of its device; looked at every few seconds while a worker lives, whether it moves or not."""

    slot: int
    device: str
    """"cpu", "cuda:0", "mps"."""
    time: float
    """When it was looked at, seconds since the epoch: an old one says that nobody trains there."""
    memory_used: int
    """Bytes: of a CPU what the worker holds, of a CUDA card what everybody holds of it."""
    memory_total: int
    """Bytes of the machine, or of the card."""
    utilisation: float | None
    """0 to 1 since the last look: of a CPU its share of the slot's threads; None where the device does not tell."""
