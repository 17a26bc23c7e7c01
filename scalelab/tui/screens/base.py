"""What every screen of the app shares: whose keys count now, the line of keys, and what is copied."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from textual import actions, events, on
from textual._context import NoActiveAppError
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.message import Message

from scalelab.tui import keys
from scalelab.tui.bars import KeyBar, Say
from scalelab.tui.ground import Ground
from scalelab.tui.painting import Painted

if TYPE_CHECKING:
    from scalelab.tui.snapshot import Snapshot

TYPED = "filter"
"""A scope in which letters are typed: no key of the app counts there."""


class Room(Painted[None], Ground):
    """A whole screen whose keys stand in the one table."""

    scopes: tuple[str, ...] = ()
    """Scopes of the table that count here, the nearest first; "app" always does."""
    _keys_owed = False

    def owner(self, scope: str) -> DOMNode | None:
        """The widget that has the actions of a scope."""
        return self.app if scope == "app" else self

    def offered(self) -> Iterator[keys.Key]:
        """The keys that mean something now."""
        scopes = self.scopes
        for scope in scopes if TYPED in scopes else (*scopes, "app"):
            yield from (key for key in keys.of(scope) if self.is_offered(key))

    def elsewhere(self) -> Iterator[tuple[keys.Key, keys.Key]]:
        """Keys of places that another key leads to, behind that key; for the palette."""
        yield from ()

    def is_offered(self, key: keys.Key) -> bool:
        """Whether a key means something now."""
        owner = self.owner(key.scope)
        _, name, values = actions.parse(key.action)
        return owner is not None and owner.check_action(name, values) is not False

    @on(events.Mount)
    def _listen(self) -> None:
        """Other keys count when the focus moves."""
        self.bindings_updated_signal.subscribe(self, lambda _: self.tell_keys())

    def key(self, action: str) -> str:
        """The key of an action, as a sentence says it."""
        return keys.named(action, getattr(self.app, "keymap", {}))

    def follow(self, shot: Snapshot) -> None:
        """The lab below has changed."""

    def copied(self) -> str:
        """What the user would want to copy here."""
        return ""

    @property
    def _bar(self) -> KeyBar | None:
        """The last line, once it is there; by its id it is looked for once, by its kind among all widgets each time."""
        with contextlib.suppress(NoMatches):
            return self.query_one("#keybar", KeyBar)
        return None

    def tell_keys(self) -> None:
        """Show them in the last line: once, however many changes of one key ask for it."""
        if not self._keys_owed:
            self._keys_owed = True
            self.call_next(self._tell_keys)

    def _tell_keys(self) -> None:
        self._keys_owed = False
        if (bar := self._bar) is not None:
            bar.offer(tuple(self.offered()), getattr(self.app, "keymap", {}))

    def hear(self, message: Message) -> None:
        """Post from any thread; a screen that was left meanwhile hears nothing."""
        with contextlib.suppress(NoActiveAppError):
            self.post_message(message)

    def say(self, sentence: str) -> None:
        """One sentence in the last line, until the next key."""
        if (bar := self._bar) is not None:
            bar.say(sentence)

    @on(Say)
    def _heard(self, message: Say) -> None:
        self.say(message.sentence)

    def on_key(self, *_: Any) -> None:
        """Whatever was said was read, by whoever presses a key that means nothing here."""
        self.say("")
