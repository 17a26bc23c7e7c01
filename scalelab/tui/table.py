"""A table on Textual's line API: a cursor, headings, columns dropped by width, and only changed cells drawn again.

Textual's own DataTable draws a whole row for one changed number: 22 kB/s for twelve runs at four looks a second.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from scalelab.gate import clean
from scalelab.tui.columns import Column, Placed, Row, fitted, lay_out
from scalelab.tui.focus import OwnFocus

POINTER = 2
"""Cells before the first column, for the cursor's sign."""


class Table(OwnFocus, can_focus=True):
    """Rows under a head line; says where its cursor stands."""

    DEFAULT_CSS = """
    Table { height: 1fr; }
    Table > .table--head { text-style: bold; color: $foreground-muted; }
    Table > .table--cursor { text-style: bold; background: $surface-lighten-2; }
    Table > .table--bad { color: $error; }
    Table > .table--good { color: $success; }
    Table > .table--faint { color: $foreground-muted; }
    Table > .table--strong { text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--head", "table--cursor", "table--bad", "table--good", "table--faint", "table--strong",
    }  # fmt: skip

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, table: Table, key: str) -> None:
            self.table, self.key = table, key
            super().__init__()

        @property
        def control(self) -> Table:
            """Whose cursor it is."""
            return self.table

    class Chosen(Moved):
        """A row was clicked on twice."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        pointer: str = "▸",
        head: bool = True,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self._head_rows = int(head)
        self.pointer = pointer
        self._columns = tuple(columns)
        self._rows: tuple[Row, ...] = ()
        self._placed: tuple[Placed, ...] = ()
        self._wide: dict[str, int] = {}
        self._stay: Collection[str] = ()
        self._key = ""
        self._top = 0
        self._base = Style()

    # What stands in it

    def put(self, rows: Sequence[Row], *, cursor: str = "", stay: Collection[str] = ()) -> None:
        """Show these rows; the cursor stays on its row, or goes to the nearest that is left.

        Columns without a word are left out, but for those that `stay`.
        """
        self._stay = stay
        before, old, top = self._rows, self._placed, self._top
        at = self._place(self._key)
        self._rows = tuple(rows)
        self._key = self._kept_key(cursor or self._key, at)
        self._lay_out()
        self._bring()
        if old != self._placed or top != self._top or not self.is_mounted:
            self.refresh()
            return
        self._refresh_changed(before)

    @property
    def cursor(self) -> str:
        """The key of the row under the cursor; empty where there is none."""
        return self._key

    @property
    def keys(self) -> list[str]:
        """Of all rows on which the cursor can stand."""
        return [row.key for row in self._rows if row.key]

    def move(self, by: int) -> None:
        """Put the cursor so many rows further, no further than the ends."""
        if keys := self.keys:
            at = keys.index(self._key) if self._key in keys else 0
            self.go(keys[min(max(at + by, 0), len(keys) - 1)])

    def go(self, key: str) -> None:
        """Put the cursor on a row."""
        if key == self._key or key not in self.keys:
            return
        old, top = self._place(self._key), self._top
        self._key = key
        self._bring()
        if top != self._top:
            self.refresh()
        else:
            self.refresh(*(self._region(place) for place in (old, self._place(key)) if place is not None))
        self.post_message(self.Moved(self, key))

    def page(self) -> int:
        """Rows that are seen at once."""
        return max(self.size.height - self._head_rows, 1)

    def cuts(self, row: Row) -> bool:
        """Whether words of a row are cut at this width, or left out with their column."""
        rooms = {place.column.name: place.width for place in row.placed(self._placed, self.size.width - POINTER)}
        return any(cell_len(clean(words)) > rooms.get(name, 0) for name, words in row.cells.items())

    # How it is drawn

    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows of the screen; what they share is asked for once, for Textual derives a style anew at every ask."""
        self._base = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """The head, or a row."""
        width = self.size.width
        if y < self._head_rows:
            return self._head().adjust_cell_length(width, self._base)
        place = self._top + y - self._head_rows
        if not 0 <= place < len(self._rows):
            return Strip.blank(width, self._base)
        return self._line(self._rows[place]).adjust_cell_length(width, self._base)

    def on_resize(self) -> None:
        """Another width holds other columns."""
        self._wide.clear()
        self._lay_out()
        self._bring()
        self.refresh()

    def on_focus(self) -> None:
        """The cursor is drawn strongly only where keys go to it."""
        self.refresh()

    def on_blur(self) -> None:
        """Likewise."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; a second click chooses."""
        place = self._top + event.y - self._head_rows
        if event.y >= self._head_rows and 0 <= place < len(self._rows) and (key := self._rows[place].key):
            if key == self._key:
                self.post_message(self.Chosen(self, key))
            self.go(key)

    def on_mouse_scroll_down(self) -> None:
        """The wheel moves the cursor."""
        self.move(1)

    def on_mouse_scroll_up(self) -> None:
        """Likewise."""
        self.move(-1)

    def _head(self) -> Strip:
        style = self.get_component_rich_style("table--head")
        parts = [" " * POINTER]
        at = 0
        for place in self._placed:
            parts.append(" " * (place.at - at) + fitted(place.column.title, place))
            at = place.at + place.width
        return Strip([Segment("".join(parts), style)])

    def _line(self, row: Row) -> Strip:
        if not row.key:
            return Strip([Segment(clean(row.cells.get("heading", "")), self._style("strong", self._base))])
        here = row.key == self._key
        base = self.get_component_rich_style("table--cursor") if here and self.has_focus else self._base
        base = self._style(row.styles.get("", ""), base)
        segments = [Segment(f"{self.pointer if here else ' ':{POINTER}}", base)]
        at = 0
        for place in row.placed(self._placed, self.size.width - POINTER):
            style = self._style(row.styles.get(place.column.name, ""), base)
            segments.append(Segment(" " * (place.at - at), base))
            segments.append(Segment(fitted(row.cells.get(place.column.name, ""), place), style))
            at = place.at + place.width
        return Strip(segments).extend_cell_length(self.size.width, base).simplify()

    def _style(self, name: str, base: Style) -> Style:
        return base + self.get_component_rich_style(f"table--{name}", partial=True) if name else base

    # Where things are

    def _lay_out(self) -> None:
        self._placed = lay_out(self._columns, self._rows, max(self.size.width - POINTER, 1), self._wide, self._stay)
        self._wide |= {place.column.name: place.width for place in self._placed}

    def _place(self, key: str) -> int | None:
        return next((place for place, row in enumerate(self._rows) if key and row.key == key), None)

    def _kept_key(self, wanted: str, at: int | None) -> str:
        keys = self.keys
        if wanted in keys or not keys:
            return wanted if keys else ""
        after = [row.key for row in self._rows[at or 0 :] if row.key]
        return after[0] if after else keys[-1]

    def _bring(self) -> None:
        """Scroll as little as shows the cursor; a heading above the first row is seen with it."""
        room, last = self.page(), max(len(self._rows) - self.page(), 0)
        place = self._place(self._key) or 0
        first = 0 if self.keys and self.keys[0] == self._key else place
        self._top = min(max(min(self._top, first), place - room + 1), last)

    def _region(self, place: int) -> Region:
        return Region(0, place - self._top + self._head_rows, self.size.width, 1)

    def _refresh_changed(self, before: Sequence[Row]) -> None:
        changed = []
        for y in range(self._head_rows, self.size.height):
            place = self._top + y - self._head_rows
            old = before[place] if place < len(before) else None
            new = self._rows[place] if place < len(self._rows) else None
            if old != new:
                changed += self._spans(old, new, y)
        if changed:
            self.refresh(*changed)

    def _spans(self, old: Row | None, new: Row | None, y: int) -> list[Region]:
        if old is None or new is None or old.key != new.key or not new.key or old.styles.get("") != new.styles.get(""):
            return [Region(0, y, self.size.width, 1)]
        changed = [
            place
            for place in self._placed
            if old.cells.get(place.column.name) != new.cells.get(place.column.name)
            or old.styles.get(place.column.name) != new.styles.get(place.column.name)
        ]
        if not changed:
            return []
        # One region a line: Textual writes a line from its start to the end of each region, anew for every region.
        first, last = changed[0], changed[-1]
        return [Region(POINTER + first.at, y, last.at + last.width - first.at, 1)]
