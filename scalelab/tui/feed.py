"""One thread that looks at a lab and tells the app when it has changed; seldom while nothing happens.

The thread never touches a widget: it posts messages. A store that is busy is looked at again, one that cannot be read
is told once and then looked at slowly, for it may come back.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from scalelab.errors import ScalelabError, mistake
from scalelab.store.schema import StoreBusy

if TYPE_CHECKING:
    from scalelab.tui.snapshot import Snapshot, Watch

FASTEST, SLOWEST = 0.5, 2.0
"""Seconds between two looks while a lab moves, and while it rests."""
SLOWER = 1.25
YIELD_SECONDS = 0.001
"""How long a thread that computes keeps the interpreter while a key waits; Python's own 0.005 is felt, several in a
row."""


class LabChanged(Message):
    """A lab has changed; only the newest of these matters."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Whether it makes a waiting one superfluous."""
        return isinstance(message, LabChanged) and message.snapshot.root == self.snapshot.root


class LabUnreadable(Message):
    """The lab's store cannot be read any more."""

    def __init__(self, error: ScalelabError) -> None:
        self.error = error
        super().__init__()


class Pace:
    """How long to wait before the next look."""

    def __init__(self) -> None:
        self.seconds = FASTEST

    def after(self, *, changed: bool, complete: bool = True) -> float:
        """Seconds to wait after a look that found something, or nothing."""
        if not complete:
            return 0.0
        self.seconds = FASTEST if changed else min(self.seconds * SLOWER, SLOWEST)
        return self.seconds


class Feed:
    """Looks at one lab in a thread of its own until it is closed."""

    def __init__(
        self, root: Path, post: Callable[[Message], object], wait: Callable[[float], bool] | None = None
    ) -> None:
        """`post` is called from the thread; `wait` sleeps and says whether to end: a test has a clock of its own."""
        self._root = root
        self._watch: Watch | None = None
        self._post = post
        self._end, self._call = threading.Event(), threading.Event()
        self._wait = wait or self._rest
        self._group: str | None = None
        self._pace = Pace()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="scalelab-feed", daemon=True)

    def start(self) -> None:
        """Take the first look and every further one."""
        sys.setswitchinterval(YIELD_SECONDS)
        self._thread.start()

    def close(self) -> None:
        """Ask the thread to end; it lets go of the store itself."""
        self._end.set()
        self._call.set()

    def tell(self, group: str) -> None:
        """Tell the law of this group from now on."""
        self._group = group
        self._call.set()

    def look(self) -> float:
        """Look once and post what is new; how long to wait before the next look."""
        try:
            # Opened here and not before: sqlite lets a connection be used by the thread alone that made it.
            if self._watch is None:
                from scalelab.tui.snapshot import Watch  # numpy and the laws: not before the first paint

                self._watch = Watch(self._root, rows_first=True)
            self._watch.group = self._group
            shot = self._watch.poll()
        except StoreBusy:
            return self._pace.after(changed=False)
        except Exception as error:  # a thread that dies in silence leaves a screen that never moves again
            return self._unreadable(error)
        self._told = ""
        if shot is not None:
            self._post(LabChanged(shot))
        return self._pace.after(changed=shot is not None, complete=shot is None or shot.complete)

    def _unreadable(self, error: Exception) -> float:
        """Say it once, and look seldom: a lab may come back."""
        told = f"{type(error).__name__}: {error}"
        if self._told != told:
            self._told = told
            self._post(LabUnreadable(error if isinstance(error, ScalelabError) else mistake(error)))
        return SLOWEST

    def _rest(self, seconds: float) -> bool:
        """Wait so long, unless something is asked; whether to end."""
        if self._call.wait(seconds):
            self._call.clear()
        return self._end.is_set()

    def _run(self) -> None:
        while not self._end.is_set() and not self._wait(self.look()):
            pass
        if self._watch is not None:
            self._watch.close()
