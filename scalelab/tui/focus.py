"""Keys go at once to where they belong: the focus moves now, and an action is done before the next key is looked at.

Textual moves the focus a beat after it is asked to, and lets a key wander through the queues of every widget before its
binding is looked up: of two keys typed within milliseconds the second would reach the view that the first has left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen
from textual.widget import Widget

from scalelab.tui.later import Later

if TYPE_CHECKING:
    from typing import Any


class OwnFocus(Later):
    """A widget that shows by itself whether it has the keys: no rule of style depends on it.

    Textual would hold its whole stylesheet against the widget and all its parts, twice at every change of view.
    """

    def watch_has_focus(self, _has_focus: bool) -> None:
        """No style is another."""


def give_keys(widget: Widget) -> None:
    """From now on keys go to this widget; nothing happens before it has a screen."""
    screen = next((each for each in widget.ancestors_with_self if isinstance(each, Screen)), None)
    if screen is not None and screen.is_attached:
        screen.set_focus(widget)


def is_typed(screen: Screen[Any], key: str, character: str | None) -> bool:
    """Whether a key is a letter of some text, which its widget takes in the order of its queue."""
    focused = screen.focused
    return focused is not None and any(
        each.check_consume_key(key, character) for each in focused.ancestors_with_self if each is not screen.app
    )
