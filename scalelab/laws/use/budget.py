"""What a budget of compute, of time or of money comes to in FLOPs, and back. Knows a device by rate and price only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scalelab.errors import BadInput

HOUR = 3600.0
LARGEST = 1e305
"""FLOPs: a hundred times as many must still be a float."""
AS_FRESH = 4.0
"""Passes over the same tokens that cost next to nothing (Muennighoff et al. 2023, arXiv 2305.16264)."""
ONE = "exactly one of compute (FLOPs), seconds and money"


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What the training runs on."""

    flops_per_second: float | None = None
    """Of one device: measured while training, or its peak with `utilisation` beside it. None where nobody said."""
    utilisation: float = 1.0
    """Share of that rate which training reaches; 1 for a measured rate."""
    price_per_hour: float | None = None
    """Of one device, in any currency."""
    count: int = 1

    def __post_init__(self) -> None:
        """Refuse what is no rate, share or price."""
        for name in ("flops_per_second", "price_per_hour", "count"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise BadInput(f"{name} is {value}", allowed="a number above 0")
        if not 0 < self.utilisation <= 1:
            raise BadInput(f"utilisation is {self.utilisation}", allowed="a share above 0 and at most 1, such as 0.4")

    @property
    def rate(self) -> float | None:
        """FLOPs a second of them all."""
        return None if self.flops_per_second is None else self.flops_per_second * self.utilisation * self.count

    def seconds(self, flops: float) -> float | None:
        """How long so many FLOPs take; None without a rate."""
        return None if self.rate is None else flops / self.rate

    def money(self, flops: float) -> float | None:
        """What so many FLOPs cost; None without a rate and a price."""
        seconds = self.seconds(flops)
        if seconds is None or self.price_per_hour is None:
            return None
        return seconds / HOUR * self.price_per_hour * self.count


def flops_of(devices: Devices, *, compute: float | None, seconds: float | None, money: float | None) -> float:
    """The FLOPs of a budget.

    Raises
    ------
    BadInput
        Not exactly one kind of budget, no rate or price where it needs one, or a number that is not above zero.
    """
    given = {"compute": compute, "seconds": seconds, "money": money}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        raise BadInput(f"a budget of {' and '.join(named) or 'nothing'}", allowed=ONE)
    flops = _flops(devices, *next(iter(named.items())))
    if not 0 < flops < LARGEST:
        raise BadInput(f"a budget of {flops:.3g} FLOPs", allowed=f"above 0 and below {LARGEST:g}")
    return flops


def _flops(devices: Devices, name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise BadInput(f"{name} is {value}", allowed="a number above 0")
    if name == "compute":
        return value
    if devices.rate is None:
        raise BadInput(
            f"a budget of {name} needs the devices' speed", todo="give flops_per_second, or a peak and utilisation"
        )
    if name == "seconds":
        return value * devices.rate
    if devices.price_per_hour is None:
        raise BadInput("a budget of money needs a price", todo="give price_per_hour of one device")
    return value / (devices.price_per_hour * devices.count) * HOUR * devices.rate
