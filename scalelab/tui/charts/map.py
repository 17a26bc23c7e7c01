"""The widget that draws a Surface, with a cursor that says where it stands. It reads the surface, never a law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from textual.binding import Binding
from textual.message import Message

from scalelab.figures import Mark, Surface
from scalelab.tui.charts import terrain
from scalelab.tui.charts.axes import Layout
from scalelab.tui.charts.cells import Cells
from scalelab.tui.charts.drawing import Drawing, Look, cells_of
from scalelab.tui.charts.glyphs import GlyphSet, signs_of
from scalelab.tui.charts.inks import BOLD, PLAIN, REVERSE, text_on
from scalelab.tui.charts.view import value_at, written
from scalelab.tui.charts.widget import CellWidget
from scalelab.units import format_count

MAP_KEYS: tuple[tuple[str, str, str], ...] = (
    ("left,h", "cursor(-1, 0)", "smaller N"),
    ("right,l", "cursor(1, 0)", "larger N"),
    ("up,k", "cursor(0, -1)", "more tokens D"),
    ("down,j", "cursor(0, 1)", "fewer tokens D"),
    ("shift+left,H", "cursor(-10, 0)", "smaller N by 10 cells"),
    ("shift+right,L", "cursor(10, 0)", "larger N by 10 cells"),
    ("shift+up,K", "cursor(0, -5)", "more tokens D by 5 cells"),
    ("shift+down,J", "cursor(0, 5)", "fewer tokens D by 5 cells"),
    ("escape", "leave", "hide the cursor"),
)
"""(Keys, action, help) of a focused surface."""


@dataclass
class MapMoved(Message):
    """The cursor on a surface moved; NaN where it is hidden."""

    map: SurfaceMap
    n_params: float
    n_tokens: float
    loss: float

    @property
    def control(self) -> SurfaceMap:
        """The widget, for `@on(MapMoved, "#id")`."""
        return self.map


class SurfaceMap(CellWidget):
    """L(N, D) with a cursor that moves by cells and keeps its N and D when the size changes."""

    BINDINGS = [Binding(key, action, words, show=False, id=f"map.{action}") for key, action, words in MAP_KEYS]  # noqa: RUF012

    def __init__(
        self, surface: Surface | None = None, *, empty: str = "no surface yet",
        glyphs: GlyphSet | str = GlyphSet.BRAILLE, colour: bool | None = None, titled: bool = True,
        id: str | None = None, classes: str | None = None,  # noqa: A002
    ) -> None:  # fmt: skip
        super().__init__(empty=empty, glyphs=glyphs, colour=colour, titled=titled, id=id, classes=classes)
        self._surface = surface
        self._cursor: tuple[float, float] | None = None
        self._drawn: tuple[object, Drawing, Surface | None] | None = None

    @property
    def surface(self) -> Surface | None:
        """What is drawn."""
        return self._surface

    @property
    def point(self) -> tuple[float, float] | None:
        """(N, D) under the cursor; None while it is hidden."""
        if self._cursor is None or self._surface is None:
            return None
        return value_at(self._surface.x, self._cursor[0]), value_at(self._surface.y, self._cursor[1])

    @property
    def loss(self) -> float:
        """The surface's loss under the cursor, NaN without one."""
        if self._cursor is None or self._surface is None:
            return float("nan")
        return terrain.loss_at(self._surface, *self._cursor)

    def show(self, surface: Surface | None) -> None:
        """Draws a surface in place of the one before; the cursor keeps its N and D as far as they are on it."""
        held = self.point
        self._surface = surface
        if held is not None and surface is not None:
            shares = [float(np.clip(np.nan_to_num(axis.place(value)), 0.0, 1.0))
                      for axis, value in zip((surface.x, surface.y), held, strict=True)]  # fmt: skip
            self._cursor = (shares[0], shares[1])
        self.redraw()

    def paint(self, columns: int, rows: int) -> Cells:
        """The surface with the cursor over it."""
        drawing = self._drawing(columns, rows)
        if self._cursor is None or drawing.area is None or self._surface is None:
            return drawing.cells
        cells = drawing.cells.copy()
        row, column = _cell(self._cursor, drawing.area)
        _mark(cells, drawing.area.top + row, drawing.area.left + column, self.look)
        cells.write(0, 0, " " * columns)
        cells.write(0, 0, self._sentence(drawing.area, row, column, columns), manner=BOLD)
        return cells

    def _drawing(self, columns: int, rows: int) -> Drawing:
        look = self.look
        key = (columns, rows, look, self._empty)
        if self._drawn is None or self._drawn[0] != key or self._drawn[2] is not self._surface:
            self._drawn = (key, terrain.draw(self._surface, columns, rows, look, self._empty), self._surface)
        return self._drawn[1]

    def _sentence(self, area: Layout, row: int, column: int, width: int) -> str:
        assert self._surface is not None and self.point is not None
        n_params, n_tokens = self.point
        words = [f"N {written(self._surface.x, n_params)}", f"D {written(self._surface.y, n_tokens)}",
                 f"loss {self.loss:.4g}", *_runs_at(self._surface, area, row, column),
                 f"{format_count(n_tokens / n_params)} tokens a parameter"]  # fmt: skip
        text = words[0]
        for word in words[1:]:
            if len(text) + 3 + len(word) <= width:
                text += f" · {word}"
        return text

    def action_cursor(self, across: int, down: int) -> None:
        """Moves the cursor by cells; it begins in the middle."""
        area = self._drawing(*self.size).area
        if area is None:
            return
        row, column = _cell(self._cursor or (0.5, 0.5), area)
        if self._cursor is not None:
            column = min(max(column + across, 0), area.columns - 1)
            row = min(max(row + down, 0), area.rows - 1)
        self._cursor = (float(area.share_across(column)), float(area.share_up(row)))
        self._moved()

    def action_leave(self) -> None:
        """Hides the cursor."""
        if self._cursor is not None:
            self._cursor = None
            self._moved()

    def _moved(self) -> None:
        self.redraw()
        n_params, n_tokens = self.point or (float("nan"), float("nan"))
        self.post_message(MapMoved(self, n_params, n_tokens, self.loss))


def _cell(cursor: tuple[float, float], area: Layout) -> tuple[int, int]:
    """(Row, column) of the area in which the cursor stands."""
    dots = area.dots
    row = round((1.0 - cursor[1]) * (area.rows * dots.high - 1)) // dots.high
    return row, round(cursor[0] * (area.columns * dots.wide - 1)) // dots.wide


def _mark(cells: Cells, row: int, column: int, look: Look) -> None:
    paper = int(cells.papers[row, column])
    sign = signs_of(look.glyphs).cursor
    if paper == PLAIN:
        cells.write(row, column, sign, manner=REVERSE)
    else:
        cells.write(row, column, sign, ink=paper, paper=text_on(paper))


def _runs_at(surface: Surface, area: Layout, row: int, column: int) -> list[str]:
    """The run in a cell, the first where several share it."""
    figure = terrain.frame_of(surface)
    for series in surface.series:
        if series.mark is Mark.DOTS and series.points:
            rows, columns, seen = cells_of(series, figure, area)
            here = np.flatnonzero(seen & (rows == row) & (columns == column))
            if len(here) and int(here[0]) < len(series.points):
                more = f" and {len(here) - 1} more" if len(here) > 1 else ""
                return [f"run {series.points[int(here[0])]}{more}"]
    return []
