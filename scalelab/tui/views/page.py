"""Words that are read: lines made for a width, scrolled with j and k. What they say its view decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text

from scalelab.tui.views.lines import LinesView

Made = Callable[[int], Sequence[Text]]
"""Lines for a width in cells."""


class Page(LinesView, can_focus=True):
    """Lines that are made anew when the width changes, and not otherwise."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._make: Made | None = None
        self._width = 0
        self._wish = 0
        """Lines to be moved by, asked for before there were any."""

    def show(self, make: Made) -> None:
        """Show what is made for the width."""
        self._make = make
        self._redraw()

    def on_resize(self) -> None:
        """Lines break elsewhere at another width."""
        if self.columns != self._width:
            self._redraw()
        self.call_after_refresh(self._as_wished)

    def _redraw(self) -> None:
        self._width = self.columns
        if self._make is not None and self._width > 4:
            self.put(self._make(self._width))
            self.call_after_refresh(self._as_wished)

    def scroll_rows(self, by: int) -> None:
        """Move by so many lines, no further than the ends; later, where it is not laid out yet."""
        if (len(self.plain) > self.size.height and self.max_scroll_y == 0) or not self.plain:
            self._wish += by
        else:
            super().scroll_rows(by)

    def _as_wished(self) -> None:
        if self._wish:
            wish, self._wish = self._wish, 0
            self.scroll_rows(wish)
