"""What views of the law share: they draw when the law has changed and not before, mounted or not."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Self

from textual.widget import Widget
from textual.worker import get_current_worker

from scalelab.tui.focus import give_keys
from scalelab.tui.ground import Ground
from scalelab.tui.snapshot import Snapshot

DRAWS = "it is being drawn"
"""What stands in the place of a figure before it is there."""


class Keyed(Ground):
    """A widget that knows which part of it keys go to."""

    @abstractmethod
    def keys_to(self) -> Widget:
        """The part that has the keys now."""

    def focus(self, scroll_visible: bool = True) -> Self:
        """Keys go there from now on."""
        del scroll_visible
        give_keys(self.keys_to())
        return self


class Threaded(Keyed):
    """A widget whose workers bring something back.

    Each `@work` has a `description`: without one Textual writes down all that a worker is given, which of a snapshot of
    500 curves took more than a second.
    """

    def after_paint(self, do: Callable[..., object], *what: object) -> None:
        """Begin something that computes when what is there already is on the screen: a thread takes turns with it."""
        self.call_after_refresh(do, *what)

    def back(self, do: Callable[..., object], *what: object) -> None:
        """From a worker's thread: do this with a widget, unless nobody waits for it any more."""
        if not get_current_worker().is_cancelled and self.is_attached:
            self.app.call_from_thread(do, *what)


class LabView(Threaded):
    """Keeps the newest snapshot and says when there is something new to draw."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._drawn: object = None

    def show(self, snapshot: Snapshot) -> None:
        """Draw what the newest fit says, where there is a newer one."""
        self._snapshot = snapshot
        self._renew()

    def is_of_now(self, shot: Snapshot) -> bool:
        """Whether the law of a snapshot is still the one that is shown: what was computed of it may come too late."""
        now = self._snapshot
        return now is not None and (shot.root, shot.group, shot.versions.law) == (
            now.root, now.group, now.versions.law)  # fmt: skip

    def on_mount(self) -> None:
        """What was shown before there was a place to draw."""
        self.lay_out()
        self._renew()

    def on_resize(self) -> None:
        """Another size has room for other things."""
        self.lay_out()

    def lay_out(self) -> None:
        """Show what there is room for."""

    @abstractmethod
    def draw(self, snapshot: Snapshot) -> None:
        """Draw a snapshot whose law is new; each view has its own."""

    def _renew(self) -> None:
        shot = self._snapshot
        if shot is None or not self.children:
            return
        now = (shot.root, shot.versions.law, len(shot.finals), shot.alive)
        if now != self._drawn:
            self._drawn = now
            self.draw(shot)
