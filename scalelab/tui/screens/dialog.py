"""A window over a screen: a title, lines to read, perhaps something to choose. Base of help, confirm and problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from scalelab.gate import clean
from scalelab.tui import keys
from scalelab.tui.bars import KeyBar, Lines
from scalelab.tui.painting import Painted
from scalelab.tui.views.lines import LinesView

Answer = TypeVar("Answer")
END = 100_000
"""More lines than any window has."""


class Dialog(Painted[Answer], ModalScreen[Answer]):
    """A window; escape closes it and nothing else happens."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog:ansi { background: ansi_default; }
    Dialog #window { width: 90%; max-width: 90; height: auto; max-height: 100%; border: round $primary; padding: 0 1; }
    Dialog #window { background: $surface; }
    Dialog #title { text-style: bold; height: 1; }
    Dialog #lines { height: auto; max-height: 100%; }
    Dialog KeyBar { dock: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("dialog")
    KEYS: ClassVar[tuple[str, ...]] = ("dialog.down", "dialog.up", "dialog.close", "dialog.further")
    """Ids of those that mean something here, for the last line."""

    title_words = ""

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""
        with Container(id="window"):
            yield Lines(id="title")
            yield LinesView(id="lines")
            yield KeyBar(id="keybar")

    def on_mount(self) -> None:
        """Fill it."""
        if not self.query("#title"):  # an app that is leaving makes no windows any more
            return
        self.query_one("#title", Lines).put([[(clean(self.title_words, 200), "strong")]])
        offered = [key for key in keys.of("dialog") if key.id in self.KEYS]
        self.query_one(KeyBar).offer(offered, getattr(self.app, "keymap", {}))
        self._refill()

    def on_resize(self) -> None:
        """Lines break elsewhere."""
        self._refill()

    def lines(self, width: int) -> Sequence[Text]:
        """What is to be read, for a width."""
        return ()

    def action_down(self) -> None:
        """Further down."""
        self._scroll(1)

    def action_up(self) -> None:
        """Further up."""
        self._scroll(-1)

    def action_further(self, by: int) -> None:
        """A window further, its last line still in sight."""
        self._scroll(by * max(self._room - 1, 1))

    def action_first(self) -> None:
        """To the top."""
        self._scroll(-END)

    def action_last(self) -> None:
        """To the end."""
        self._scroll(END)

    def action_choose(self) -> None:
        """There is nothing to choose: close it."""
        self.action_close()

    def action_close(self) -> None:
        """Close it."""
        self.dismiss(None)

    def owner(self, scope: str) -> Dialog[Answer] | None:
        """Whose actions those of a scope are."""
        return self if scope == "dialog" else None

    def _refill(self) -> None:
        if not self.query("#lines"):  # a key may come before the window stands
            return
        width = max(min(self.size.width * 9 // 10, 90) - 5, 10)
        lines = list(self.lines(width))
        view = self.query_one("#lines", LinesView)
        view.styles.height = min(len(lines), self._room)
        view.put(lines)

    @property
    def _room(self) -> int:
        return max(self.size.height - 5, 1)

    def _scroll(self, by: int) -> None:
        if not self.query("#lines"):
            return
        self.query_one("#lines", LinesView).scroll_rows(by)
