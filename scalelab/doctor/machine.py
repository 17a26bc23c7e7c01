"""Memory, cores and descriptors: what there is, and what others leave of it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass

from scalelab.doctor.line import Line, fail, ok, warn
from scalelab.units import format_bytes

LITTLE, TOO_LITTLE = 2e9, 0.5e9
"""Bytes: a worker with torch takes 300 MB before its model."""
FEW_DESCRIPTORS = 256
"""A worker needs a handful, a lab with its store and logs some fifty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What was measured; a record, so that the verdicts can be tried on machines that are not here."""

    memory_free: float
    """Bytes that processes may still take."""
    memory_total: float
    """Bytes, by the container's limit where there is one."""
    cores: int
    load: float
    """Processes that wanted a core in the last minute."""
    descriptors: int
    """Files that a process may have open."""


def measure() -> Machine:
    """What is here, now."""
    import psutil

    from scalelab.plan import find_devices

    memory, cpu = psutil.virtual_memory(), find_devices()[-1]
    return Machine(
        memory_free=min(memory.available, cpu.memory_bytes),
        memory_total=cpu.memory_bytes,
        cores=cpu.slots,
        load=os.getloadavg()[0],
        descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    )


def look(machine: Machine | None = None) -> Iterator[Line]:
    """A line for each."""
    here = machine or measure()
    said = f"{format_bytes(here.memory_free)} of {format_bytes(here.memory_total)} free"
    if here.memory_free < TOO_LITTLE:
        yield fail("memory", said, "end something else: a worker takes 300 MB before its model")
    elif here.memory_free < LITTLE:
        yield warn("memory", said, "small models only; `scalelab plan` says what fits")
    else:
        yield ok("memory", said)
    said = f"{here.cores} core{'s' * (here.cores > 1)}, of which others want {here.load:.1f}"
    if here.load > 0.5 * here.cores:
        yield warn("cores", said, "training and its measured speeds are slower for it")
    else:
        yield ok("cores", said)
    said = f"{here.descriptors:,} files may be open"
    if 0 <= here.descriptors < FEW_DESCRIPTORS:
        yield warn("descriptors", said, f"ulimit -n {4 * FEW_DESCRIPTORS}")
    else:
        yield ok("descriptors", said if here.descriptors >= 0 else "any number of files may be open")
