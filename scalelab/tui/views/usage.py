"""What else uses a device now, in a few words: load and free memory of a box, use of a card. It never waits long."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from scalelab.records import DeviceInfo
from scalelab.units import format_bytes


def usage_of(devices: Sequence[DeviceInfo]) -> Mapping[str, str]:
    """Device → what else uses it; a device of which nothing is known is absent."""
    cards = _cards() if any(each.name.startswith("cuda") for each in devices) else {}
    return {**cards, **{each.name: _box() for each in devices if each.name == "cpu"}}


def _box() -> str:
    import psutil

    free = format_bytes(psutil.virtual_memory().available)
    if not hasattr(os, "getloadavg"):
        return f"{free} free"
    return f"load {os.getloadavg()[0]:.1f}, {free} free"


def _cards() -> dict[str, str]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    query = [tool, "--query-gpu=index,utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    return cards_told(answer)


def cards_told(answer: str) -> dict[str, str]:
    """What the driver's tool says, a line a card: "0, 37, 1024" is number, per cent, MiB."""
    told = {}
    for line in answer.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 3 and all(part.isdigit() for part in parts):
            told[f"cuda:{parts[0]}"] = f"{parts[1]} % busy, {format_bytes(int(parts[2]) * 2**20)} used"
    return told
