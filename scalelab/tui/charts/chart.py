"""The widget that draws a Figure: curves and dots, a cursor that reads them, zoom along x. Knows figures alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from textual.binding import Binding
from textual.message import Message

from scalelab.figures import Figure, Series
from scalelab.tui.charts import view
from scalelab.tui.charts.axes import Layout, drawable, layout
from scalelab.tui.charts.cells import Cells
from scalelab.tui.charts.drawing import Drawing, Look, draw
from scalelab.tui.charts.glyphs import GlyphSet, dots_of, signs_of
from scalelab.tui.charts.inks import BOLD, PLAIN, REVERSE
from scalelab.tui.charts.memory import Memory
from scalelab.tui.charts.strokes import lines_of
from scalelab.tui.charts.view import Reading
from scalelab.tui.charts.widget import CellWidget

CHART_KEYS: tuple[tuple[str, str, str], ...] = (
    ("left", "cursor(-1, 0)", "cursor left"),
    ("right", "cursor(1, 0)", "cursor right"),
    ("up", "cursor(0, -1)", "next line above"),
    ("down", "cursor(0, 1)", "next line below"),
    ("shift+left", "cursor(-10, 0)", "cursor left by 10"),
    ("shift+right", "cursor(10, 0)", "cursor right by 10"),
    ("escape", "leave", "hide the cursor"),
    ("plus,equals_sign", "zoom(0.5)", "zoom in"),
    ("minus", "zoom(2.0)", "zoom out"),
    ("0", "whole", "whole axis"),
    ("h", "pan(-0.25)", "pan left"),
    ("l", "pan(0.25)", "pan right"),
)
"""(Keys, action, help) of a focused chart."""


@dataclass
class ChartMoved(Message):
    """The cursor or the window of a chart moved."""

    chart: Chart
    name: str
    """The series under the cursor; empty without one."""
    point: str
    x: float
    y: float
    """NaN without a cursor."""
    low: float
    high: float
    """The shown limits of x."""

    @property
    def control(self) -> Chart:
        """The chart, for `@on(ChartMoved, "#id")`."""
        return self.chart


class Chart(CellWidget):
    """A Figure with a cursor and a window along x.

    Parameters
    ----------
    figure
        What is drawn at first.
    empty
        The words that stand there while the figure is none or empty: what to do next.
    glyphs, colour
        What the terminal can show; `colour=None` leaves it to the app (NO_COLOR).
    titled
        Whether the figure's title takes the first row; the read-out of the cursor stands there too.
    """

    BINDINGS = [Binding(key, action, words, show=False, id=f"chart.{action}") for key, action, words in CHART_KEYS]  # noqa: RUF012

    def __init__(
        self, figure: Figure | None = None, *, empty: str = "nothing to draw yet",
        glyphs: GlyphSet | str = GlyphSet.BRAILLE, colour: bool | None = None, titled: bool = True,
        id: str | None = None, classes: str | None = None,  # noqa: A002
    ) -> None:  # fmt: skip
        super().__init__(empty=empty, glyphs=glyphs, colour=colour, titled=titled, id=id, classes=classes)
        self._figure = figure
        self._span: view.Span | None = None
        """What is seen of the x axis; None: all of it."""
        self._cursor: tuple[int, float] | None = None
        self._followed = ""
        self._stood = math.nan
        """The value of x that somebody put the cursor on."""
        self._memory = Memory()
        self._shown: tuple[Figure, view.Span | None, Figure] | None = None
        """The figure, its span and what is seen of it: one key asks for it five times."""
        self._drawn: tuple[object, Drawing, Figure | None] | None = None
        self._known: tuple[object, Reading | None] | None = None
        """What was read last, and where: one key asks for it three times."""
        self._crossing: tuple[object, view.Crossing] | None = None
        """What the column of the cursor meets, and of which drawing."""

    @property
    def figure(self) -> Figure | None:
        """The whole figure."""
        return self._figure

    @property
    def shown(self) -> Figure | None:
        """The figure as it is seen, cut to the window."""
        if self._figure is None:
            return None
        if self._shown is None or self._shown[0] is not self._figure or self._shown[1] != self._span:
            self._shown = self._figure, self._span, view.seen(self._figure, self._span)
        return self._shown[2]

    def show(self, figure: Figure | None) -> None:
        """Draws a figure in place of the one before; what is alike in both is not written again.

        Curves of the same arrays are not rastered again: a curve that grew must come in new ones, which may be longer
        views of the memory of the old ones. The cursor stays on the value that it was put on, and goes on with a line
        whose newest one it was.
        """
        before, newest = self._figure, self._is_at_the_newest()
        point = self._point()
        if before is not None and figure is not None:
            self._span = view.carried(self._span, before.x, figure.x)
        self._figure = figure
        if self._cursor is not None and before is not None and figure is not None:
            if before.x.label != figure.x.label:
                self._stood = self._value(point)
            self._stand_again(newest)
        self.redraw()

    def prepare(self, figure: Figure, lines: slice) -> None:
        """Raster some of a figure's lines, as they would be shown whole: who shows it later waits for the others."""
        look, shown = self.look, view.seen(figure, None)
        if figure.empty or not (drawable(shown.x) and drawable(shown.y)):
            return
        area = layout(shown, *self.size, dots_of(look.glyphs), titled=look.titled)
        if area.columns > 0 and area.rows > 0:
            self._memory.prepare(lines_of(shown)[lines], shown, area)

    def _followed_lines(self) -> list[Series]:
        """The lines of the figure that the cursor follows."""
        drawn = () if self._cursor is None or self._figure is None else self._figure.series
        return [each for each in drawn if each.name == self._followed and len(each.x)]

    def _is_at_the_newest(self) -> bool:
        """Whether the cursor stands on the last value of the line that it follows."""
        return any(each.x.item(-1) == self._stood for each in self._followed_lines())

    def _point(self) -> int | None:
        """Which point of its line the cursor stands on: it is the same along another axis."""
        found = [np.flatnonzero(each.x == self._stood) for each in self._followed_lines()]
        return next((int(each[0]) for each in found if len(each)), None)

    def _value(self, point: int | None) -> float:
        """Where that point is now; NaN where it is not known."""
        if point is None:
            return math.nan
        known = [each.x.item(point) for each in self._followed_lines() if len(each.x) > point]
        return known[-1] if known else math.nan

    def _stand_again(self, newest: bool) -> None:
        """The cursor where it stood, on an axis that may have moved under it, or at the newest value."""
        if self._cursor is None:
            return
        figure, area = self.shown, self._area
        if figure is None or area is None:
            return
        lines = self._followed_lines()
        if newest and (ends := [each for series in lines for each in view.ends(series, figure, area)]):
            last = max(ends, key=lambda each: each.x)
            self._put(round(last.column), last)
            return
        if not math.isfinite(self._stood):
            self._put(self._cursor[0], self._read(*self._cursor))
            return
        same = [float(area.down(figure.y, each.y[each.x == self._stood][0])) for each in lines if self._stood in each.x]
        place = float(np.nan_to_num(area.across(figure.x, self._stood)))
        column, row = min(max(round(place), 0), self._last_column), same[-1] if same else self._cursor[1]
        read = self._read(column, row)
        self._cursor = column, row if read is None else read.row

    @property
    def _area(self) -> Layout | None:
        return self._drawing(*self.size).area if self.is_attached else None

    @property
    def _last_column(self) -> int:
        """Where the figure ends; its axis may go a little further, and nothing is read there."""
        figure, shown, area = self._figure, self.shown, self._area
        if figure is None or shown is None or area is None:
            return 0
        end = figure.x.high if self._span is None else self._span[1]
        return min(max(round(float(area.across(shown.x, end))), 0), area.columns - 1)

    def reading(self) -> Reading | None:
        """What is under the cursor."""
        if self._cursor is None:
            return None
        return self._read(*self._cursor)

    def paint(self, columns: int, rows: int) -> Cells:
        """The drawing with the cursor over it."""
        drawing = self._drawing(columns, rows)
        reading = self.reading() if drawing.area is not None else None
        if self._cursor is None or drawing.area is None:
            return drawing.cells
        cells = drawing.cells.copy()
        _cross(cells, drawing, self._cursor[0], reading, self.look)
        figure = self.shown
        if reading is not None and figure is not None:
            cells.write(0, 0, " " * columns)
            cells.write(0, 0, view.sentence(figure, reading, columns), manner=BOLD)
        return cells

    def _drawing(self, columns: int, rows: int) -> Drawing:
        """The figure without a cursor, kept until it, the window, the size or the look is another."""
        look = self.look
        key = (id(self._figure), self._span, columns, rows, look, self._empty)
        if self._drawn is None or self._drawn[0] != key or self._drawn[2] is not self._figure:
            self._drawn = (key, draw(self.shown, columns, rows, look, self._empty, self._memory), self._figure)
        return self._drawn[1]

    def _read(self, column: int, row: float) -> Reading | None:
        figure, drawing = self.shown, self._drawing(*self.size)
        if figure is None or drawing.area is None:
            return None
        column = min(column, self._last_column)
        asked = (drawing, column, row, self._followed)
        if self._known is None or self._known[0] != asked:
            self._known = asked, view.chosen(self._readings(figure, drawing, column, row), row, self._followed)
        return self._known[1]

    def _readings(self, figure: Figure, drawing: Drawing, column: int, row: float) -> list[Reading]:
        assert drawing.area is not None
        if self._crossing is None or self._crossing[0] != (drawing, column):
            self._crossing = (drawing, column), view.Crossing(figure, drawing.area, column)
        return self._crossing[1].readings(row)

    def action_cursor(self, across: int, down: int) -> None:
        """Moves the cursor along x, following its line, or to the next line above or below."""
        figure, area = self.shown, self._drawing(*self.size).area
        if figure is None or area is None:
            return
        if self._cursor is None:
            self._place_first(figure)
        elif down:
            self._step(figure, down)
        else:
            column = min(max(self._cursor[0] + across, 0), self._last_column)
            self._put(column, self._read(column, self._cursor[1]))
        self._moved()

    def _place_first(self, figure: Figure) -> None:
        """The cursor begins at the right end of the figure's last line: the newest value."""
        area = self._drawing(*self.size).area
        assert area is not None
        last = next((each for series in reversed(figure.series) for each in view.ends(series, figure, area)), None)
        self._followed = "" if last is None else last.name
        self._put(area.columns // 2 if last is None else round(last.column), last)

    def _step(self, figure: Figure, down: int) -> None:
        assert self._cursor is not None
        column, row = self._cursor
        found = self._readings(figure, self._drawing(*self.size), column, row)
        here = view.chosen(found, row, self._followed)
        if here is None:
            return
        place = min(max(found.index(here) + (1 if down > 0 else -1), 0), len(found) - 1)
        self._put(column, found[place])

    def _put(self, column: int, reading: Reading | None) -> None:
        """The cursor on what is read there, and there it stays."""
        row = self._cursor[1] if self._cursor is not None else 0.0
        self._cursor = (column, row if reading is None else reading.row)
        if reading is not None:
            self._followed, self._stood = reading.name, reading.x

    def action_leave(self) -> None:
        """Hides the cursor."""
        if self._cursor is not None:
            self._cursor, self._followed = None, ""
            self._moved()

    def action_zoom(self, factor: float) -> None:
        """Makes the window narrower or wider about the cursor, else about its right end, where curves grow."""
        area = self._drawing(*self.size).area
        if area is None:
            return
        about = 1.0 if self._cursor is None else self._share(float(area.share_across(self._cursor[0])))
        self._look_at(lambda window: view.zoomed(window, factor, about))

    def _share(self, across: float) -> float:
        """A share of the axis that is drawn, which may go a little further, as one of the window."""
        whole, shown = self._figure, self.shown
        assert whole is not None and shown is not None
        low, high = view.window_of(whole.x, self._span)
        place = float(whole.x.place(view.value_at(shown.x, across)))
        return min(max((place - low) / (high - low), 0.0), 1.0)

    def action_pan(self, by: float) -> None:
        """Moves the window by a share of its width."""
        self._look_at(lambda window: view.moved(window, by))

    def action_whole(self) -> None:
        """Shows the whole axis."""
        self._look_at(lambda _: view.WHOLE)

    def _look_at(self, change: Callable[[view.Window], view.Window]) -> None:
        if self._figure is None or not drawable(self._figure.x):
            return
        span = view.span_of(self._figure.x, change(view.window_of(self._figure.x, self._span)))
        if span != self._span:
            self._span = span
            self._stand_again(newest=False)
            self._moved()

    def _moved(self) -> None:
        self.redraw()
        figure, reading = self.shown, self.reading()
        low, high = (float("nan"), float("nan")) if figure is None else (figure.x.low, figure.x.high)
        nowhere = float("nan")
        self.post_message(ChartMoved(
            self, reading.name if reading else "", reading.point if reading else "",
            reading.x if reading else nowhere, reading.y if reading else nowhere, low, high,
        ))  # fmt: skip


def _cross(cells: Cells, drawing: Drawing, column: int, reading: Reading | None, look: Look) -> None:
    """An upright line through the free cells of a column, and the point that is read in reverse."""
    area = drawing.area
    assert area is not None
    signs, ink = signs_of(look.glyphs), look.inks.axis if look.coloured else PLAIN
    for row in range(area.top, area.top + area.rows):
        at = area.left + min(column, area.columns - 1)
        if chr(int(cells.codes[row, at])) in (" ", signs.grid):
            cells.write(row, at, signs.upright, ink)
    if reading is not None:
        row = area.top + min(max(round(reading.row), 0), area.rows - 1)
        at = area.left + min(max(round(reading.column), 0), area.columns - 1)
        cells.manners[row, at] |= REVERSE
