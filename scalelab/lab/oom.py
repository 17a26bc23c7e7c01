"""How often the kernel has killed for want of memory, so that a worker's end by SIGKILL can be told from a person's.

Reads one number of the machine; must not know runs.
"""

from __future__ import annotations

from pathlib import Path

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
