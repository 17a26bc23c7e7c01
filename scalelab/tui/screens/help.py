"""All keys, out of the one table: those of what is on the screen first."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from rich.text import Text

from scalelab.tui import keys, settings
from scalelab.tui.labs import short
from scalelab.tui.screens.dialog import Dialog

KEY = 12
"""Cells of the keys of one action."""
ROOMY = 60
"""Cells from which the name of each action has room beside its words."""


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
                made += _entry(keys.shown(key, self._keymap, whole=True), key, width)
        return [*made, Text(""), *_how_to_change(width)]


def _entry(names: str, key: keys.Key, width: int) -> list[Text]:
    room = width - max(KEY, len(names) + 2) - 2 - (len(key.id) + 2 if width >= ROOMY else 0)
    broken = textwrap.wrap(key.help, max(room, 10)) or [""]
    first = Text(f"  {names:{KEY}}" if len(names) < KEY else f"  {names}  ", "bold", no_wrap=True)
    first.append(broken[0], "not bold")
    lines = [first, *(Text(" " * (KEY + 2) + part, no_wrap=True) for part in broken[1:])]
    if lines[-1].cell_len + len(key.id) + 2 > width:
        lines.append(Text(no_wrap=True))
    lines[-1].append(" " * (width - lines[-1].cell_len - len(key.id)) + key.id, "not bold dim")
    return lines


def _how_to_change(width: int) -> list[Text]:
    """Where keys are changed, with an action's name as it stands at the right of its line."""
    path = short(settings.config_folder() / "settings.toml")
    words = (f"Other keys: in {path}, under [keys], by the names at the right. Theme (T) and glyphs (B) are kept there "
             "too, and `mouse = false` above [keys] leaves the mouse to the terminal.")  # fmt: skip
    said = textwrap.wrap(words, width, break_on_hyphens=False)
    example = ["", "  [keys]", '  "runs.pin" = "space"', '  "lab.stop" = "X,f10"']
    return [Text("changing keys", "bold"), *(Text(line, no_wrap=True) for line in (*said, *example))]
