"""Ends the app when it is asked to, or when its terminal is gone and nobody told it so. Knows no screen.

A terminal that closes tells its own session by SIGHUP. An app that was started otherwise (`setsid`, `nohup`, another
session) would read the end of its input for ever, at the price of a core that trains.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable

_GRACE_SECONDS = 2.0
"""What is left to others who hear of it, such as who removes a copy."""


def leave_when_asked(leave: Callable[[], object]) -> None:
    """Have SIGTERM mean what the key for leaving does: it would end the app with the terminal as it stands."""
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not the main thread: a test's app
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave)


def end_with_terminal() -> None:
    """Watch the terminal from a thread that costs nothing until it hangs up."""
    try:
        descriptor = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
        if not os.isatty(descriptor):
            return
    except (OSError, ValueError):
        return
    threading.Thread(target=_watch, args=(descriptor,), name="terminal", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # only what is told unasked: that it hung up
    while not any(state & select.POLLHUP for _, state in poll.poll()):
        time.sleep(0.5)  # some systems tell of terminals what means nothing
    os.kill(os.getpid(), signal.SIGHUP)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)
