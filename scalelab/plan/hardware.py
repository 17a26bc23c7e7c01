"""The devices of this machine as far as they can be known without torch: enough to plan and cost a grid.

What trains opens its device through torch and measures it; the names and slots here are the ones it is asked for.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.preset import HardwareSpec
from scalelab.records import DeviceInfo

# Dense bf16 FLOP/s by data sheet (fp16 for cards without bf16), the longest matching name first.
_CARDS = {
    "B200": 2250e12, "H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "A40": 150e12,
    "A10": 125e12, "L40S": 362e12, "L40": 181e12, "L4": 121e12, "V100": 125e12, "T4": 65e12,
    "RTX 5090": 210e12, "RTX 4090": 165e12, "RTX 4080": 97e12, "RTX 3090": 71e12, "RTX A6000": 155e12,
}  # fmt: skip
_UNKNOWN_CARD = 50e12
_NO_BF16 = ("V100", "T4", "GTX", "RTX 20", "P100")
# float32 FLOP/s of an Apple GPU by data sheet; Pro, Max and Ultra have 2, 4 and 8 times the cores.
_APPLE = {"M1": 2.6e12, "M2": 3.6e12, "M3": 4.1e12, "M4": 4.6e12}
_APPLE_TIERS = {"Pro": 2.0, "Max": 4.0, "Ultra": 8.0}


def find_devices() -> list[DeviceInfo]:
    """The devices present, best first; the CPU is always the last."""
    return [*_cuda(), *_mps(), _cpu()]


def choose_device(wanted: HardwareSpec, devices: list[DeviceInfo] | None = None) -> DeviceInfo:
    """The device that a preset asks for, with its slots and dtype.

    Raises
    ------
    BadInput
        When no such device is here.
    """
    present = find_devices() if devices is None else devices
    name = wanted.device.strip().lower()
    found = present[0] if name == "auto" else next((device for device in present if device.name == name), None)
    if name == "cuda":
        found = _all_cards([device for device in present if device.name.startswith("cuda:")])
    if found is None:
        names = ["auto", *(["cuda"] if any(device.name == "cuda:0" for device in present) else [])]
        raise BadInput(
            f"hardware.device {clean(wanted.device, 40)!r} is not on this machine",
            allowed=", ".join(names + [device.name for device in present]),
        )
    slots = wanted.slots or found.slots
    # Slots of a CPU beyond its cores share them: the box is no faster, and each of them is slower.
    peak = found.peak_flops * min(1.0, found.slots / slots)
    dtype = found.dtype if wanted.dtype == "auto" else wanted.dtype
    return replace(found, slots=slots, peak_flops=peak, dtype=dtype)


def spare_devices(wanted: HardwareSpec, chosen: DeviceInfo) -> list[DeviceInfo]:
    """What a lab goes on on when its card vanishes, the best one first: the other cards where its preset leaves the
    choice ("auto"), and none where it names one. Never the CPU: a thousandth of a card's speed is no way to go on.
    """
    kind = chosen.name.partition(":")[0]
    if wanted.device.strip().lower() != "auto" or kind == "cpu":
        return []
    others = [device for device in find_devices() if device.name not in {chosen.name, *chosen.members}]
    return [choose_device(wanted, [device]) for device in others if device.name.partition(":")[0] == kind]


def _all_cards(cards: list[DeviceInfo]) -> DeviceInfo | None:
    if not cards:
        return None
    smallest = min(cards, key=lambda card: card.memory_bytes)
    label = f"{len(cards)} × {cards[0].label}" if len(cards) > 1 else cards[0].label
    return replace(smallest, name="cuda", label=label, slots=len(cards), members=tuple(card.name for card in cards))


def _cpu() -> DeviceInfo:
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    cores = max(1, min(psutil.cpu_count(logical=False) or usable, usable))
    return DeviceInfo(
        name="cpu",
        label=f"{_cpu_label()}, {cores} core{'s' if cores > 1 else ''}",
        memory_bytes=min(psutil.virtual_memory().total, _memory_limit()),
        slots=cores,
        peak_flops=_matmul_peak(),
        peak_source="estimated",
    )


def _cpu_label() -> str:
    if sys.platform == "linux":
        match = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(errors="replace"))
        if match:
            return clean(match[1], 60)
    return clean(platform.processor() or platform.machine() or "CPU", 60)


def _memory_limit() -> int:
    """The container's limit, where there is one."""
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return sys.maxsize
    return int(text) if text.isdigit() else sys.maxsize


def _matmul_peak() -> float:
    """FLOP/s of one core in a float32 matmul of numpy: the best of many short ones, 40 ms in all.

    Stacks of small matrices keep BLAS on one thread, and calls of a millisecond fall between a busy machine's time
    slices: two threads waiting for each other there measure a fiftieth of the peak.
    """
    import numpy as np

    stack, size = 64, 64
    left = np.full((stack, size, size), 0.5, dtype=np.float32)
    out = np.empty_like(left)
    best = float("inf")
    end = time.perf_counter() + 0.04
    while (start := time.perf_counter()) < end:
        np.matmul(left, left, out=out)
        best = min(best, time.perf_counter() - start)
    return 2.0 * stack * size**3 / best


def _cuda() -> list[DeviceInfo]:
    if _torch_is_cpu_only() or (tool := shutil.which("nvidia-smi")) is None:
        return []
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.rsplit(",", 1) for line in answer.splitlines() if "," in line]
    cards = [(clean(name.strip(), 60), int(memory)) for name, memory in rows if memory.strip().isdigit()]
    return [_card(index, *cards[number]) for index, number in enumerate(_visible(len(cards)))]


def _visible(n_cards: int) -> list[int]:
    """The cards that CUDA_VISIBLE_DEVICES leaves, in its order; all of them when it names no plain numbers."""
    text = os.environ.get("CUDA_VISIBLE_DEVICES")
    if text is None:
        return list(range(n_cards))
    numbers = [part.strip() for part in text.split(",") if part.strip()]
    if not numbers or numbers[0] == "-1":
        return []
    if not all(number.isdigit() for number in numbers):
        return list(range(min(n_cards, len(numbers))))
    return [int(number) for number in numbers if int(number) < n_cards]


def _card(index: int, label: str, mebibytes: int) -> DeviceInfo:
    names = sorted((name for name in _CARDS if name in label), key=len, reverse=True)
    return DeviceInfo(
        name=f"cuda:{index}",
        label=label,
        memory_bytes=mebibytes * 2**20,
        slots=1,
        peak_flops=_CARDS[names[0]] if names else _UNKNOWN_CARD,
        peak_source="nominal" if names else "estimated",
        dtype="float32" if any(old in label for old in _NO_BF16) else "bfloat16",
    )


def _torch_is_cpu_only() -> bool:
    try:
        return metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return True


def _mps() -> list[DeviceInfo]:
    if sys.platform != "darwin" or platform.machine() != "arm64":
        return []
    import psutil

    try:
        answer = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, timeout=5, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        answer = "Apple GPU"
    label = clean(answer, 60)
    base = next((flops for name, flops in _APPLE.items() if name in label), _APPLE["M1"])
    tier = next((factor for name, factor in _APPLE_TIERS.items() if name in label), 1.0)
    return [
        DeviceInfo(
            name="mps",
            label=label,
            memory_bytes=psutil.virtual_memory().total,
            slots=1,
            peak_flops=base * tier,
            peak_source="nominal",
        )
    ]
