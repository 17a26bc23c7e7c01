"""Out of memory, as the supervisor sees it: how often the kernel has killed for it, and what a run takes.

The allocators' own refusals are met inside the worker (`training.step`). Must not know how runs go on.
"""

from __future__ import annotations

from pathlib import Path

from scalelab.records import DeviceInfo, RunSpec
from scalelab.units import format_bytes

WORDS = "out of memory with one sequence at a time"
HOPELESS = "out of memory"
"""How the reason of a run begins that no smaller micro-batch can help: its worker has tried them all."""
_VMSTAT = Path("/proc/vmstat")


def kernel_kills(vmstat: Path = _VMSTAT) -> int:
    """Processes that the kernel has ended since boot because memory, or a group's share of it, ran out; 0 where it
    does not say.
    """
    try:
        lines = [line.split() for line in vmstat.read_text().splitlines()]
    except OSError:
        return 0
    return next((int(line[1]) for line in lines if len(line) == 2 and line[0] == "oom_kill"), 0)


def what_it_takes(spec: RunSpec, device: DeviceInfo | None) -> str:
    """What a run needs at its micro-batch, and what there is, in words."""
    import psutil

    from scalelab.plan import cost
    from scalelab.plan.ladder import Rung

    machine = psutil.virtual_memory()
    there = f"{format_bytes(machine.available)} of {format_bytes(machine.total)} are free on the machine"
    if device is None:
        return there
    rung = Rung(name=spec.rung, shape=spec.shape, counts=spec.counts)
    return f"it needs about {format_bytes(cost.memory_bytes(rung, spec.micro_sequences, device))}, {there}"
