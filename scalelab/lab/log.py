"""supervisor.log: one timed line an event, for a person who asks later what happened; never stops anything."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable

from scalelab.gate import clean
from scalelab.lab.paths import LabPaths, append_private


def open_log(paths: LabPaths) -> Callable[[str], None]:
    """A function that appends a line to the lab's log; a log that cannot be written is done without."""

    def say(line: str) -> None:
        with contextlib.suppress(OSError):
            descriptor = append_private(paths.log)
            try:
                os.write(descriptor, f"{time.strftime('%Y-%m-%d %H:%M:%S')} {clean(line, 2000)}\n".encode())
            finally:
                os.close(descriptor)

    return say
