"""Something went wrong: what happened, what may be, what to do, and where the log is."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from scalelab.errors import ScalelabError
from scalelab.gate import clean
from scalelab.tui.screens.dialog import Dialog


class Problem(Dialog[None]):
    """One error, told in full."""

    def __init__(self, title: str, error: ScalelabError, log: Path | None = None) -> None:
        super().__init__()
        self.title_words = title
        self._error, self._log = error, log

    def lines(self, width: int) -> Sequence[Text]:
        """What happened, what to do, where to look."""
        error, log = self._error, clean(str(self._log), 500) if self._log else ""
        parts = [("what happened", error.what), ("allowed", error.allowed), ("what to do", error.todo), ("log", log)]
        made: list[Text] = []
        for label, words in parts:
            if words:
                made += [Text(label, "bold"), *(Text(f"  {part}", no_wrap=True) for part in _broken(words, width - 2))]
        return [*made, Text("")]

    def copied(self) -> str:
        """The whole of it."""
        return self._error.line()


def _broken(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, max(width, 10), break_on_hyphens=False) or [""]
