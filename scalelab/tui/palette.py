"""The command palette: every action of the one table that means something here, found by its words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode

from scalelab.tui import keys
from scalelab.tui.screens.base import Room


class KeyCommands(Provider):
    """Actions by their help."""

    async def discover(self) -> Hits:
        """All of them."""
        for key, owner in self._actions():
            yield DiscoveryHit(self._words(key), partial(self.app.run_action, key.action, owner), help=key.help)

    async def search(self, query: str) -> Hits:
        """Those that match."""
        matcher = self.matcher(query)
        for key, owner in self._actions():
            words = self._words(key)
            if (score := matcher.match(words)) > 0:
                yield Hit(score, matcher.highlight(words), partial(self.app.run_action, key.action, owner), text=words)

    def _words(self, key: keys.Key) -> str:
        return f"{key.help}  ({keys.shown(key, getattr(self.app, 'keymap', {}))})"

    def _actions(self) -> Iterator[tuple[keys.Key, DOMNode]]:
        if isinstance(self.screen, Room):
            for key in self.screen.offered():
                owner = self.screen.owner(key.scope)
                if owner is not None and key.id != "app.palette":
                    yield key, owner
