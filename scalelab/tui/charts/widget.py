"""A widget whose content is Cells: only what changed between two drawings is refreshed. Knows nothing of figures.

`refresh()` repaints a whole widget, `refresh(*regions)` what differs; a drawing that is the same refreshes nothing.
"""

from __future__ import annotations

from abc import abstractmethod

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip

from scalelab.tui.charts.cells import Cells
from scalelab.tui.charts.drawing import Look
from scalelab.tui.charts.glyphs import GlyphSet
from scalelab.tui.charts.inks import DARK, EITHER, LIGHT
from scalelab.tui.focus import OwnFocus


class CellWidget(OwnFocus, can_focus=True):
    """Draws Cells line by line; subclasses say how they are painted."""

    DEFAULT_CSS = """
    CellWidget { width: 1fr; height: 1fr; }
    """

    def __init__(
        self, *, empty: str, glyphs: GlyphSet | str, colour: bool | None, titled: bool, id: str | None,  # noqa: A002
        classes: str | None,
    ) -> None:  # fmt: skip
        super().__init__(id=id, classes=classes)
        self._empty, self._glyphs, self._colour, self._titled = empty, GlyphSet(glyphs), colour, titled
        self._cells: Cells | None = None
        self._strips: dict[int, Strip] = {}
        self._base: Style | None = None
        """What has no colour of its own; Textual takes 0.1 ms to make it, so it is made once a frame."""

    @property
    def glyphs(self) -> GlyphSet:
        """The glyph set; setting it draws anew."""
        return self._glyphs

    @glyphs.setter
    def glyphs(self, glyphs: GlyphSet | str) -> None:
        self._glyphs = GlyphSet(glyphs)
        self.redraw()

    @property
    def colour(self) -> bool:
        """Whether colours are used: as it was given, else unless the app has none (NO_COLOR)."""
        return not self.app.no_color if self._colour is None else self._colour

    @colour.setter
    def colour(self, colour: bool | None) -> None:
        self._colour = colour
        self.redraw()

    @property
    def empty(self) -> str:
        """What stands there while there is nothing to draw."""
        return self._empty

    @empty.setter
    def empty(self, words: str) -> None:
        self._empty = words
        self.redraw()

    @property
    def look(self) -> Look:
        """Glyphs and colours as they are now."""
        theme = self.app.current_theme
        inks = EITHER if theme.ansi else DARK if theme.dark else LIGHT
        return Look(glyphs=self._glyphs, coloured=self.colour, inks=inks, titled=self._titled)

    @abstractmethod
    def paint(self, columns: int, rows: int) -> Cells:
        """The content in so many cells; each kind of chart has its own."""

    def redraw(self) -> list[Region]:
        """Paints anew and refreshes the spans that changed, which are returned."""
        if not self.is_attached:
            return []
        before, size = self._cells, self.size
        self._base = None
        if before is None or not size or (before.columns, before.rows) != tuple(size) or not self.is_on_screen:
            self._cells = None
            self.refresh()
            return [size.region]
        self._cells = self.paint(*size)
        regions = [Region(first, row, last - first, 1) for row, first, last in self._cells.changed(before)]
        for region in regions:
            self._strips.pop(region.y, None)
        if regions:
            self.refresh(*regions)
        return regions

    def notify_style_update(self) -> None:
        """Another theme: other ink on other paper."""
        super().notify_style_update()
        self._cells = self._base = None

    def render_line(self, y: int) -> Strip:
        """One row for Textual."""
        columns, rows = self.size
        if self._cells is None or (self._cells.columns, self._cells.rows) != (columns, rows):
            self._cells = self.paint(columns, rows)
            self._strips, self._base = {}, None
        base = self._base = self._base or self.rich_style
        if y >= rows:
            return Strip.blank(columns, base)
        strip = self._strips.get(y)
        if strip is None:
            strip = self._strips[y] = self._cells.strip(y, base)
        return strip
