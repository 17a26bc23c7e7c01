"""All keys, out of the one table: those of what is on the screen first."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from rich.text import Text

from scalelab.tui import keys
from scalelab.tui.screens.dialog import Dialog

KEY = 12
"""Cells of the keys of one action."""


class Help(Dialog[None]):
    """Every key that works here."""

    title_words = "keys"

    def __init__(self, offered: Sequence[keys.Key], keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._offered, self._keymap = offered, keymap

    def lines(self, width: int) -> Sequence[Text]:
        """A heading for each place, a line for each action."""
        made: list[Text] = []
        for scope in dict.fromkeys(key.scope for key in self._offered):
            made += [Text("")] * bool(made) + [Text(keys.SCOPES.get(scope, scope), "bold")]
            for key in (key for key in self._offered if key.scope == scope):
                made += _entry(keys.shown(key, self._keymap, whole=True), key.help, width)
        return made


def _entry(names: str, words: str, width: int) -> list[Text]:
    broken = textwrap.wrap(words, max(width - KEY - 2, 10)) or [""]
    first = Text(f"  {names:{KEY}}", "bold", no_wrap=True)
    first.append(broken[0], "not bold")
    return [first, *(Text(" " * (KEY + 2) + part, no_wrap=True) for part in broken[1:])]
