"""Lines of text that scroll: the base of sheets and pages. Only lines that have changed are drawn again."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from scalelab.tui.focus import OwnFocus

NO_STYLE = Style()


class LinesView(OwnFocus, ScrollView):
    """A scrolling column of lines, each one row high, cut at the right edge."""

    DEFAULT_CSS = """
    LinesView {
        scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; scrollbar-gutter: stable;
        overflow-x: hidden; overflow-y: auto;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._lines: list[Text] = []
        self._strips: dict[int, Strip] = {}
        """Lines that were drawn once: a view that comes back is drawn anew as a whole."""
        self._drawn_for: tuple[int, Style, str] = (0, NO_STYLE, "")

    @property
    def plain(self) -> list[str]:
        """The lines as text."""
        return [line.plain for line in self._lines]

    @property
    def columns(self) -> int:
        """Cells of a line, the scrollbar's left out."""
        return self.scrollable_content_region.width

    def put(self, lines: Sequence[Text]) -> None:
        """Show these lines; what stays the same is not drawn again."""
        before, self._lines = self._lines, list(lines)
        if len(before) != len(self._lines):
            self._strips.clear()
            self.virtual_size = Size(0, len(self._lines))
            self.refresh()
            return
        for place, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if old != new or old.style != new.style:  # a Text is equal to one of another style
                self._strips.pop(place, None)
                self.refresh_lines(place, 1)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows of the screen; what they share is asked for once, for Textual derives a style anew at every ask."""
        if (drawn_for := (self.columns, self.rich_style, self.app.theme)) != self._drawn_for:
            self._drawn_for = drawn_for
            self._strips.clear()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        place, (width, base, _) = y + self.scroll_offset.y, self._drawn_for
        if place >= len(self._lines):
            return Strip.blank(width, base)
        if place not in self._strips:
            self._strips[place] = self._row(place, width).apply_style(base)
        return self._strips[place]

    def _row(self, place: int, width: int) -> Strip:
        line = self._lines[place].copy()
        line.end = ""
        line.truncate(width, overflow="ellipsis")
        # Where a line has no spans, rich leaves its own style to whoever prints it.
        own = self.app.console.get_style(line.style)
        segments = [Segment(text, own + style if style else own) for text, style, _ in line.render(self.app.console)]
        return Strip(segments).crop_extend(0, width, NO_STYLE)

    def scroll_rows(self, by: int) -> None:
        """Move by so many lines, no further than the ends."""
        # Forced: a beat after the lines have come their scrollbar has not, without which Textual scrolls nothing.
        place = min(max(self.scroll_offset.y + by, 0), self.max_scroll_y)
        self.scroll_to(y=place, animate=False, immediate=True, force=True)

    def bring(self, place: int, around: int = 0) -> None:
        """Scroll as little as shows line `place` and `around` lines about it."""
        top, height = self.scroll_offset.y, self.size.height
        if place - around < top:
            self.scroll_to(y=max(place - around, 0), animate=False)
        elif place + around >= top + height:
            self.scroll_to(y=place + around - height + 1, animate=False)
