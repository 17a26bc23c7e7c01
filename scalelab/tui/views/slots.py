"""How the devices are used while a lab trains: share of time, memory, tokens a second, MFU, in one line of words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scalelab.gate import clean
from scalelab.records import RunState, Usage
from scalelab.tui.snapshot import Snapshot
from scalelab.units import format_bytes, format_count

STALE = 30.0
"""Seconds after which what a slot told is no longer true."""


def words(shot: Snapshot, now: float) -> list[str]:
    """Who is set aside, each device, then all runs together; the last two only while somebody trains."""
    aside = [f"{clean(device, 20)} is set aside: {clean(why, 100)}" for device, why in shot.set_aside.items()]
    if not shot.alive:
        return aside
    fresh = [each for each in shot.usage.values() if now - each.time < STALE]
    devices = dict.fromkeys(each.device for each in fresh)
    told = [_device(name, [each for each in fresh if each.device == name]) for name in devices]
    return [*aside, *told, *_speed(shot)]


def _device(name: str, slots: Sequence[Usage]) -> str:
    """One device: "cpu 97 % busy, 612 MB of 8.4 GB in 2 slots"."""
    busy = [each.utilisation for each in slots if each.utilisation is not None]
    # A card tells what everybody holds of it; of a CPU each worker tells its own.
    used = sum(each.memory_used for each in slots) if name == "cpu" else max(each.memory_used for each in slots)
    parts = [f"{100 * sum(busy) / len(busy):.0f} % busy"] if busy else []
    where = f" in {len(slots)} slots" if len(slots) > 1 else ""
    parts.append(f"{format_bytes(used)} of {format_bytes(slots[0].memory_total)}{where}")
    return f"{clean(name, 20)} {', '.join(parts)}"


def _speed(shot: Snapshot) -> list[str]:
    """All runs under way together: tokens a second, and their FLOP/s against the peak of the slots that train."""
    heard = [
        (curve.last.tokens_per_second, row.spec.flops_per_token)
        for row in shot.rows
        if row.state is RunState.RUNNING and (curve := shot.curves.get(row.run)) is not None
        and math.isfinite(curve.last.tokens_per_second)
    ]  # fmt: skip
    if not heard:
        return []
    said = [f"{format_count(sum(speed for speed, _ in heard))} tok/s"]
    peak = shot.device.peak_flops * len(heard) if shot.device is not None else 0.0
    if peak > 0:
        said.append(f"MFU {100 * sum(speed * flops for speed, flops in heard) / peak:.0f} %")
    return said
