"""The command palette: every action of the one table that means something here, or in a view that a key leads to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode

from scalelab.tui import keys
from scalelab.tui.screens.base import Room

BEHIND = 0.5
"""What an action of another view is worth against one of this."""


class KeyCommands(Provider):
    """Actions by their help."""

    async def discover(self) -> Hits:
        """All of them."""
        for key, owner in self._actions():
            yield DiscoveryHit(self._words(key), partial(self._do, key, owner))

    async def search(self, query: str) -> Hits:
        """Those that match; those of other views too, behind the ones that mean something here."""
        matcher = self.matcher(query)
        for key, owner in self._actions():
            words = self._words(key)
            if (score := matcher.match(words)) > 0:
                yield Hit(score, matcher.highlight(words), partial(self._do, key, owner), text=words)
        for lead, key in self.screen.elsewhere() if isinstance(self.screen, Room) else ():
            words = f"{lead.label}: {self._words(lead, key)}"
            if (score := matcher.match(words)) > 0:
                yield Hit(score * BEHIND, matcher.highlight(words), partial(self._go, lead, key), text=words)

    async def _do(self, key: keys.Key, owner: DOMNode) -> None:
        """The action, unless what it is meant for was left between the choice and now."""
        if self.app.screen in owner.ancestors_with_self or owner is self.app:
            await self.app.run_action(key.action, owner)

    async def _go(self, lead: keys.Key, key: keys.Key) -> None:
        """To the view that has the action, and there the action, where it means something."""
        screen = self.screen
        if self.app.screen is not screen or not isinstance(screen, Room):
            return
        await self.app.run_action(lead.action, screen)
        if screen.is_offered(key) and (owner := screen.owner(key.scope)) is not None:
            await self.app.run_action(key.action, owner)
        else:
            screen.say(f"here is nothing to do that to: {key.help}")

    def _words(self, *pressed: keys.Key) -> str:
        """What the last of these keys does, and all of them."""
        keymap = getattr(self.app, "keymap", {})
        return f"{pressed[-1].help}  ({' '.join(keys.shown(each, keymap) for each in pressed)})"

    def _actions(self) -> Iterator[tuple[keys.Key, DOMNode]]:
        if isinstance(self.screen, Room):
            for key in self.screen.offered():
                owner = self.screen.owner(key.scope)
                if owner is not None and key.id != "app.palette":
                    yield key, owner


class Commands(CommandList):
    """Textual's list, which a click on a line ended the app by that was no longer in it."""

    async def _on_click(self, event: events.Click) -> None:
        if event.style.meta.get("option", 0) >= self.option_count:
            event.prevent_default()


class Palette(CommandPalette):
    """Textual's, which ended the app where a page key came while its list had no place, or a click behind a choice."""

    _unwanted = False
    """Whether it goes as soon as nothing is over it."""

    def compose(self) -> ComposeResult:
        """With our list in the place of Textual's."""
        for widget in super().compose():
            yield Commands() if isinstance(widget, CommandList) else widget

    def _on_mount(self, event: events.Mount) -> None:
        """Look for actions of the screen below, unless both were left before this one stood."""
        if self not in self.app.screen_stack:
            event.prevent_default()

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close it, once, and after a window that has come over it: Textual takes away whichever screen is in front."""
        if self.is_active:
            return super().dismiss(result)
        self._unwanted = True
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        """What was over it is gone."""
        if self._unwanted:
            self.dismiss()

    def _action_command_list(self, action: str) -> None:
        with contextlib.suppress(LookupError):
            super()._action_command_list(action)
