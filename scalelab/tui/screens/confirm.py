"""Asks before something is destroyed: what would happen, and the ways to go on; escape is always the harmless one."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text

from scalelab.gate import clean
from scalelab.tui.screens.dialog import Dialog


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One way to go on."""

    name: str
    words: str


class Confirm(Dialog[str]):
    """A question with choices; the answer is the name of one, or None."""

    KEYS: ClassVar[tuple[str, ...]] = ("dialog.choose", "dialog.down", "dialog.up", "dialog.close")

    def __init__(self, question: str, words: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.title_words = question
        self._words, self._choices, self._at = words, tuple(choices), 0

    def lines(self, width: int) -> Sequence[Text]:
        """What would happen, then the choices with a cursor on one."""
        said = [Text(part, no_wrap=True) for part in textwrap.wrap(clean(self._words, 1000), width)]
        plain = getattr(self.app, "glyphs", "") == "ascii"
        made = [*said, Text("")]
        for place, choice in enumerate(self._choices):
            here = place == self._at
            pointer = (">" if plain else "▸") if here else " "
            for number, part in enumerate(textwrap.wrap(choice.words, width - 4)):
                made.append(
                    Text(f"{pointer if not number else ' '} {part}", "bold reverse" if here else "", no_wrap=True)
                )
        return [*made, Text("")]

    def action_down(self) -> None:
        """The next choice."""
        self._go(1)

    def action_up(self) -> None:
        """The choice before."""
        self._go(-1)

    def action_choose(self) -> None:
        """Answer with the choice under the cursor."""
        self.dismiss(self._choices[self._at].name)

    def _go(self, by: int) -> None:
        self._at = min(max(self._at + by, 0), len(self._choices) - 1)
        self._refill()
