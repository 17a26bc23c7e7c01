"""The feed of a replay: brings the copy to its moment before each look, in the one thread that looks.

What it posts says that it is a recording, so that no view offers to train it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.message import Message

from scalelab.errors import ScalelabError
from scalelab.store.schema import StoreBusy
from scalelab.tui.feed import SLOWEST, Feed, LabChanged, LabUnreadable

if TYPE_CHECKING:
    from scalelab.replay.player import Player

BEAT = 0.1
"""Seconds between two looks while it plays."""
PATIENCE = 2.0
"""Seconds that leaving waits for a look that is under way."""


class ReplayFeed(Feed):
    """Plays a recording and looks at it."""

    def __init__(self, player: Player, post: Callable[[Message], object]) -> None:
        """`player` is this thread's from the first look on, but for its tempo."""
        super().__init__(player.root, self._post_recorded)
        self._player, self._pass_on, self._problem = player, post, ""

    def close(self) -> None:
        """End the thread and wait for it: it removes the copy, which must be done before the process may end."""
        super().close()
        if self._thread.is_alive():
            self._thread.join(PATIENCE)
        else:
            self._player.close()

    def look(self) -> float:
        """Play on, then look."""
        try:
            self._player.look()
        except StoreBusy:
            return BEAT
        except ScalelabError as error:
            if self._problem != error.line():
                self._problem = error.line()
                self._pass_on(LabUnreadable(error))
            return SLOWEST
        super().look()
        return BEAT

    def _post_recorded(self, message: Message) -> object:
        if isinstance(message, LabChanged):
            message = LabChanged(replace(message.snapshot, recorded=self._player.replay.command or "-"))
        return self._pass_on(message)

    def _run(self) -> None:
        super()._run()
        self._player.close()
