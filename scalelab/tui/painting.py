"""When a screen paints: once, when everything that a key brought about has been laid out, and then at once.

Textual paints after every pass of its layout, so that a view which fits itself to its size is seen three times, and
waits a sixtieth of a second before each. It must not know what is painted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Generic, TypeVar

from textual import events
from textual.screen import Screen
from textual.widget import Widget

Answer = TypeVar("Answer")
PATIENCE = 0.1
"""Seconds that a paint waits for widgets which always have something to do."""
FRAME = 1 / 60
"""Seconds between two paints that no key asked for."""


class Painted(Screen[Answer], Generic[Answer]):
    """A screen that paints when it has come to rest."""

    _owed = False
    """Whether a paint was put off."""
    _waits_since: float | None = None
    _painted = 0.0

    async def _on_idle(self, event: events.Idle) -> None:
        """Lay out and paint now, where nothing more is on its way; otherwise it is Textual's own turn."""
        if self.app._batch_count or not self.is_current or not self._is_due():
            return
        wanted = self._layout_required or self._scroll_required or self._repaint_required or self._dirty_widgets
        if not (wanted or self._owed):
            return
        event.prevent_default()
        if not self._is_restless():
            if wanted:
                self._on_timer_update()
            else:
                self._paint()
        self._look_again()

    def _compositor_refresh(self) -> None:
        """Paint, or owe it while something is on its way."""
        if self.is_current and not self.app._batch_count and self._is_restless():
            self._owed = True
            self._look_again()
        else:
            self._paint()

    def _paint(self) -> None:
        self._owed, self._waits_since, self._painted = False, None, time.monotonic()
        super()._compositor_refresh()

    def _look_again(self) -> None:
        """When the others have had their turn: a queue that is never empty is not left by Textual."""
        asyncio.get_running_loop().call_soon(self.check_idle)

    def _is_due(self) -> bool:
        return self._owed or time.monotonic() - self._painted >= FRAME

    def _is_restless(self) -> bool:
        """Whether a widget has something to do that may change what is seen, and was not waited for too long."""
        if not any(widget.message_queue_size for widget in _under(self)):
            return False
        now = time.monotonic()
        self._waits_since = self._waits_since or now
        return now - self._waits_since < PATIENCE


def _under(screen: Widget) -> Iterator[Widget]:
    """The screen and all that is in it, as fast as can be: it is asked at every turn."""
    nodes: list[Widget] = [screen]
    while nodes:
        node = nodes.pop()
        yield node
        nodes += node._nodes
