"""Scrollbars for fonts without block elements: Textual's own ends its thumb with eighths of a cell."""

from __future__ import annotations

from math import ceil

from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style
from textual.scrollbar import ScrollBar, ScrollBarRender

TRACK, THUMB = "|", "#"


class PlainBar(ScrollBarRender):
    """A thumb of whole cells, told by its sign and not by its colour alone."""

    @classmethod
    def render_bar(
        cls,
        size: int = 25,
        virtual_size: float = 50,
        window_size: float = 20,
        position: float = 0,
        thickness: int = 1,
        vertical: bool = True,
        back_color: Color = Color.parse("#555555"),  # noqa: B008  (Textual's own signature)
        bar_color: Color = Color.parse("bright_magenta"),  # noqa: B008
    ) -> Segments:
        """The cells of the bar from its start to its end."""
        first, last = _thumb(size, virtual_size, window_size, position)
        wide = thickness if vertical else 1
        cells = []
        for cell in range(size):
            where = "scroll_up" if cell < first else "grab" if cell < last else "scroll_down"
            inside = first <= cell < last
            style = Style(color=bar_color if inside else None, meta={"@mouse.down": where})
            cells.append(Segment((THUMB if inside else TRACK) * wide, style))
        if vertical:
            return Segments(cells, new_lines=True)
        return Segments([*cells, Segment.line()] * thickness, new_lines=False)


def _thumb(size: int, virtual: float, window: float, position: float) -> tuple[int, int]:
    """First cell of the thumb and the one after its last."""
    if not (window and size and virtual > window):
        return 0, 0
    long = min(max(ceil(window * size / virtual), 1), size)
    first = round((size - long) * min(max(position / (virtual - window), 0.0), 1.0))
    return first, first + long


def use_bars(glyphs: str) -> None:
    """From the next drawing on, scrollbars of this set of glyphs, in the whole process."""
    ScrollBar.renderer = PlainBar if glyphs == "ascii" else ScrollBarRender
