"""The devices of a session: those of its lab less those that vanished, and others where the lab leaves the choice.

A device is set aside on the word of a run. From then on a worker of its own looks every minute whether it answers: then
it is taken back, and the run is held to have brought it down. Must not know how runs go on.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from scalelab.errors import ScalelabError
from scalelab.lab.executor import Executor, Slot, slots_of
from scalelab.lab.hooks import Guarded
from scalelab.records import DeviceInfo, SetAside
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer

SET_ASIDE = "set_aside"
"""A fact in the store: the devices that the session lost, as JSON."""
LOOK_SECONDS = 60.0
"""Between two looks at a device that does not answer, and what it gets to answer in."""
FORGIVEN = 2
"""Devices that a run may lose which answer again; the next one is its own failure."""


class Pool:
    """Which slots may be used now."""

    def __init__(self, executor: Executor, spares: Sequence[DeviceInfo], writer: Writer, views: Guarded) -> None:
        """`spares` are what the lab goes on on without its own device, the best one first."""
        self._executor, self._writer, self._views = executor, writer, views
        self._choices = [tuple(executor.slots)]
        for spare in spares:
            self._choices.append(slots_of(spare, first=1 + max(slot.index for each in self._choices for slot in each)))
        self._aside: dict[str, SetAside] = {}
        self._looks: dict[str, _Look] = {}
        self._left: dict[str, str] = {}
        """The runs that have lost a device and have not gone on since, and which."""
        self._lost_by: dict[str, set[str]] = {}
        self._forgiven: Counter[str] = Counter()

    def begin(self) -> None:
        """A new session looks at every device anew."""
        self._keep()

    @property
    def slots(self) -> Sequence[Slot]:
        """Of the first choice that has any left; none where nothing is left."""
        for choice in self._choices:
            if there := [slot for slot in choice if slot.device not in self._aside]:
                return there
        return ()

    @property
    def aside(self) -> Mapping[str, str]:
        """What is set aside, and why."""
        return {each.device: each.reason for each in self._aside.values()}

    def lost(self, run: str, device: str, reason: str) -> bool:
        """A run says that its device has vanished, or ended on one that has; False where it is itself to blame."""
        if self._forgiven[run] >= FORGIVEN:
            return False
        self._left[run] = device
        self._lost_by.setdefault(device, set()).add(run)
        if device not in self._aside:
            self._aside[device] = SetAside(device=device, reason=reason, time=time.time())
            self._looks[device] = _Look(self._executor, device)
            self._keep()
            self._views.event("warning", f"{device} is set aside: {reason}")
        return True

    def follow(self) -> None:
        """Take back what answers again; to be called inside a batch."""
        for device, look in list(self._looks.items()):
            if look.answered:
                del self._aside[device], self._looks[device]
                self._forgiven.update(self._lost_by.pop(device))
                self._keep()
                self._views.event("resume", f"{device} answers again")
            elif look.is_over:
                self._looks[device] = _Look(self._executor, device)

    def not_exact(self, run: str, slot: Slot) -> str:
        """Why a run that starts on a slot does not have the numbers of an undisturbed one; empty where it may."""
        left = self._left.pop(run, slot.device)
        if left != slot.device:
            return f"goes on on {slot.device}: {left} was lost"
        return "" if slot in self._choices[0] else f"trained on {slot.device}: {', '.join(self._aside)} was lost"

    def _keep(self) -> None:
        self._writer.set_meta(SET_ASIDE, json.dumps([each.to_dict() for each in self._aside.values()]))


class _Look:
    """Whether a device answers a new process, asked by a thread: one that is gone may keep who asks for ever, past any
    SIGKILL. Then the look is never over, and no other process joins the one that is kept.
    """

    def __init__(self, executor: Executor, device: str) -> None:
        self._began = time.monotonic()
        self.answered = False
        self._thread = threading.Thread(target=self._ask, args=(executor, device), name="look", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it is time for another one."""
        return not self._thread.is_alive() and time.monotonic() - self._began >= LOOK_SECONDS

    def _ask(self, executor: Executor, device: str) -> None:
        try:
            executor.ask("answer", {"device": device}, timeout=LOOK_SECONDS, outlast=True)
            self.answered = True
        except (ScalelabError, OSError, EOFError, ValueError):
            pass  # it does not, or the session is over


def set_aside(reader: Reader) -> Mapping[str, str]:
    """The devices that the session, or the last one, lost, with the reasons."""
    try:
        kept = [SetAside.from_dict(each) for each in json.loads(reader.meta(SET_ASIDE) or "[]")]
    except (ValueError, TypeError, AttributeError):
        return {}  # a fact that is damaged is told by the check of the store, and hides no lab
    return {str(each.device): str(each.reason) for each in kept}


def in_words(aside: Mapping[str, str]) -> str:
    """Devices and why they are set aside, in one line."""
    return "; ".join(f"{device} is set aside: {reason}" for device, reason in aside.items())
