"""The first and the last lines of every screen: what lab this is and how it stands; which keys there are.

One idea for both: lines of text for a width, drawn again only when they have changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from scalelab.gate import clean
from scalelab.tui.keys import Key, shown

GENERAL = ("lab", "app")
"""Scopes whose keys work in every view of a lab, or everywhere."""
GIVEN_UP = ("app.palette", "lab.back", "lab.group", "lab.go_on", "lab.stop", "app.leave")
"""General keys in the order in which a narrow terminal gives them up. The help lists them all, and stays."""
OWN_KEYS = 3
"""Keys of the view in front that stand before any general one but the help, where so many fit."""
Part = tuple[str, str]
"""Words and how they look: "", "strong", "faint", "mark" or "bad"."""


class Say(Message):
    """A part has a sentence for the last line of its screen."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__()


class Lines(Widget):
    """Some lines of parts; the height is theirs."""

    DEFAULT_CSS = """
    Lines { height: auto; }
    Lines > .lines--strong { text-style: bold; }
    Lines > .lines--faint { color: $foreground-muted; }
    Lines > .lines--mark { text-style: bold reverse; }
    Lines > .lines--bad { color: $error; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"lines--strong", "lines--faint", "lines--bad", "lines--mark"}

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._lines: tuple[tuple[Part, ...], ...] = ((),)
        self._looks: dict[tuple[str, Style, str], Style] = {}

    def put(self, lines: Sequence[Sequence[Part]]) -> None:
        """Show these lines."""
        new = tuple(tuple(line) for line in lines)
        if new == self._lines:
            return
        old, self._lines = self._lines, new
        if len(old) != len(new):
            self.refresh(layout=True)
            return
        width = max(self.size.width, 1)
        self.refresh(*(Region(0, y, width, 1) for y, line in enumerate(new) if line != old[y]))

    @property
    def text(self) -> str:
        """What stands there, without its looks."""
        return "\n".join("".join(words for words, _ in line) for line in self._lines)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As many lines as there are."""
        return max(len(self._lines), 1)

    def render_line(self, y: int) -> Strip:
        """One line."""
        line = self._lines[y] if y < len(self._lines) else ()
        base = self.rich_style
        segments = [Segment(words, self._style(look, base)) for words, look in line if words]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _style(self, look: str, base: Style) -> Style:
        if not look:
            return base
        if (key := (look, base, self.app.theme)) not in self._looks:  # Textual looks a style up anew at every ask
            self._looks[key] = base + self.get_component_rich_style(f"lines--{look}", partial=True)
        return self._looks[key]


class KeyBar(Lines):
    """The keys that work here, as many as fit; or one sentence until the next key."""

    DEFAULT_CSS = "KeyBar { dock: bottom; height: 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._keys: tuple[Key, ...] = ()
        self._keymap: Mapping[str, str] = {}
        self._said = ""

    def offer(self, keys: Sequence[Key], keymap: Mapping[str, str]) -> None:
        """Show these keys, the most wanted first."""
        self._keys, self._keymap = tuple(keys), keymap
        self._draw()

    def say(self, sentence: str) -> None:
        """Show a sentence in place of the keys; an empty one brings them back."""
        if sentence != self._said:
            self._said = sentence
            self._draw()

    def on_resize(self) -> None:
        """Another width has room for other keys."""
        self._draw()

    def _draw(self) -> None:
        if self._said:
            self.put([[(cut(clean(self._said, 500), self.size.width), "strong")]])
            return
        self.put([key_parts(self._keys, self._keymap, self.size.width)])


def key_parts(keys: Sequence[Key], keymap: Mapping[str, str], width: int) -> list[Part]:
    """Keys with their labels for a width: those of the view in front, then the general ones that leave them room."""
    entries = [(key, f"{shown(key, keymap)} ", key.label) for key in keys if key.footer]
    general = [entry for entry in entries if entry[0].scope in GENERAL]
    own = [entry for entry in entries if entry[0].scope not in GENERAL]

    def too_wide(some: Sequence[tuple[Key, str, str]]) -> bool:
        return sum(cell_len(name) + cell_len(label) + 2 for _, name, label in some) > width + 2

    for given_up in GIVEN_UP:
        if too_wide([*own[:OWN_KEYS], *general]):
            general = [entry for entry in general if entry[0].id != given_up]
    while own and too_wide([*own, *general]):
        own.pop()
    parts: list[Part] = []
    for _, name, label in [*own, *general]:
        parts += [(name, "strong"), (label, "faint"), ("  ", "")]
    return parts[:-1]


def cut(text: str, width: int) -> str:
    """The text in at most so many cells, with a sign where it was cut."""
    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)) + "…"
