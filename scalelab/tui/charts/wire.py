"""What goes to the terminal when a part of a line changed: that part, and not the line from its widget's left edge on.

Textual 8 keeps exact spans of what is dirty but writes each from the left edge of its widget, which made a frame of
twelve growing curves 4 to 14 kB at 200×50. An app that inherits from `ExactSpans` writes the spans themselves.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from rich.control import Control
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.screen import Screen
from textual.strip import Strip

Result = TypeVar("Result")


class ExactUpdate(ChopsUpdate):
    """Changed spans, each cut at both of its ends."""

    def render_segments(self, console: Any) -> str:
        """The escape sequences and text to write."""
        parts: list[str] = []
        single: dict[int, bool] = {}
        for row, first, last in self.spans:
            for end, (start, strip) in zip(self.chop_ends[row], self.chops[row].items(), strict=False):
                if strip is None or start >= last or end <= first:
                    continue
                if id(strip) not in single:
                    single[id(strip)] = is_single(strip)
                begin = max(start, first) if single[id(strip)] else start
                shown = strip.crop(begin - start, min(end, last) - start)
                parts += [Control.move_to(begin, row).segment.text, shown.render(console)]
        return "".join(parts)


def is_single(strip: Strip) -> bool:
    """Whether every sign is one cell wide: one of two cells must not be cut through."""
    return strip.cell_length == len(strip.text)


class ExactSpans(App[Result], Generic[Result]):
    """An app that writes changed spans alone."""

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if type(renderable) is ChopsUpdate:
            renderable = ExactUpdate(renderable.chops, renderable.spans, renderable.chop_ends)
        super()._display(screen, renderable)
