"""Ties a process to the one that started it, so that a killed supervisor leaves nobody training alone.

Linux does it in the kernel (PR_SET_PDEATHSIG); everywhere the end of the pipe to the supervisor does it too. Knows
nothing of what the process is for.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

_PR_SET_PDEATHSIG = 1
_MOST_BYTES = 1 << 20
"""Of one message: a question may have a prompt of many pages in it."""
PARENT = "SCALELAB_PARENT"
"""Environment variable with the pid that the forkserver must be the child of."""


def die_with_parent(parent: int) -> bool:
    """Have the kernel kill this process when its parent ends, and end at once if it already has; whether the kernel
    can.
    """
    if sys.platform != "linux":
        return False
    try:
        tied = bool(ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False
    if os.getppid() != parent:
        os._exit(1)
    return tied


def watch(pipe: Connection, heard: Callable[[bytes], None]) -> None:
    """Hand on what comes down the pipe, in a thread; when the other end is gone, end this process at once."""

    def listen() -> None:
        while True:
            try:
                message = pipe.recv_bytes(_MOST_BYTES)
            except (EOFError, OSError):
                os._exit(1)
            heard(message)

    # Blocked in a read the thread costs the training nothing.
    threading.Thread(target=listen, name="tether", daemon=True).start()
