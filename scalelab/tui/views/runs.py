"""View 2: the runs in a table, their losses in a chart, one run in words, and the log of one that failed.

Shows what a Snapshot says and asks for nothing else; what runs do is the lab's business.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Input

from scalelab.tui import keys
from scalelab.tui.bars import Lines, Say, cut
from scalelab.tui.focus import give_keys
from scalelab.tui.table import Table
from scalelab.tui.views import compare, run_log, run_rows, slots
from scalelab.tui.views.ahead import Ahead
from scalelab.tui.views.lines import LinesView
from scalelab.tui.views.losses import Look, LossFigure
from scalelab.tui.views.run_chart import ChartKeys
from scalelab.tui.views.run_parts import FilterLine, LossChart

if TYPE_CHECKING:
    from scalelab.figures import Figure
    from scalelab.tui.snapshot import Snapshot

WIDE, LEFT = 150, 93
"""Cells from which table and chart stand side by side, and what the table then takes."""
BOTH, CHART, TABLE = "both", "chart", "table"
NO_LOSSES = "no losses yet: the first comes after some steps"
NO_CURVES = "these runs were trained elsewhere and came without their curves: 3 shows what their ends say"
_ZOOM = {BOTH: CHART, CHART: TABLE, TABLE: BOTH}


class RunsView(ChartKeys, Container):
    """The runs of a lab."""

    DEFAULT_CSS = """
    RunsView { height: 1fr; }
    RunsView #told, RunsView #slots { margin: 0 0 0 2; }
    RunsView #right { height: 1fr; }
    RunsView FilterLine, RunsView #log { padding: 0 2; display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("runs")

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._shot: Snapshot | None = None
        self._drawn: tuple[object, ...] = ()
        self._look, self._figure = Look(), LossFigure()
        self._pinned: list[str] = []
        self._focused = ""
        self._planned_order = self._steered = False
        self._letters = ""
        self._zoom = BOTH
        self._log = ""

    def compose(self) -> ComposeResult:
        """Table and words, chart or log."""
        glyphs = getattr(self.app, "glyphs", "braille")
        plain = glyphs == "ascii"
        self._glyphs = run_rows.PLAIN if plain else run_rows.Glyphs()
        with Container(id="left"):
            yield Table(run_rows.COLUMNS, pointer=">" if plain else "▸", id="table")
            yield FilterLine(placeholder="letters of a run or a state", compact=True, id="filter")
            yield Lines(id="told")
            yield Lines(id="slots")
        with Container(id="right"):
            chart = LossChart(id="chart", glyphs=glyphs, empty=NO_LOSSES)
            self._ahead = Ahead(chart)
            yield chart
            yield Lines(id="compared")
            yield LinesView(id="log")

    # What it shows

    def show(self, snapshot: Snapshot) -> None:
        """Draw what has changed."""
        first, self._shot = self._shot is None, snapshot
        self._draw_table()
        self._draw_words()
        self._draw_chart()
        self._draw_log()
        if first:
            self._arrange()

    def copied(self) -> str:
        """The runs that are compared, or the run under the cursor, in words."""
        if self._shot is None:
            return ""
        if len(only := self._alone()) > 1:
            return "\n".join("".join(words for words, _ in line) for line in compare.lines(self._shot, only, 200))
        return run_rows.in_words(self._shot, self._table.cursor)

    def keys_to(self) -> Widget:
        """The table, or the chart where that stands alone: what is hidden has no keys."""
        return self._chart if self._zoom == CHART else self._table

    @property
    def scopes(self) -> tuple[str, ...]:
        """Whose keys count now."""
        match self.screen.focused:
            case FilterLine():
                return ("filter",)
            case LossChart():
                return ("chart", "runs")
            case _:
                return ("runs",)

    def owner(self, scope: str) -> Widget:
        """Who has the actions of a scope."""
        parts: dict[str, Widget] = {"chart": self._chart, "filter": self.query_one("#filter", FilterLine)}
        return parts.get(scope, self)

    @property
    def _table(self) -> Table:
        return self.query_one("#table", Table)

    def _draw_table(self) -> None:
        if self._shot is None:
            return
        runs = run_rows.ordered(self._shot, planned=self._planned_order, letters=self._letters)
        # What trains has a speed sooner or later: its columns do not come and go.
        stay = run_rows.LIVE if self._shot.alive else ()
        # Until somebody moves it, the cursor stands on what is most urgent.
        first = runs[0].run if runs and not (self._steered or self._alone() or self._log) else ""
        self._table.put(run_rows.rows(self._shot, runs, self._pinned, self._glyphs), cursor=first, stay=stay)

    def _draw_words(self) -> None:
        if self._shot is None:
            return
        words = run_rows.in_words(self._shot, self._table.cursor)
        row = self._shot.row(self._table.cursor)
        look = "bad" if row and row.state in run_rows.BROKEN else "faint"
        room = max(self._table.size.width - 4, 20)
        self.query_one("#told", Lines).put([[(line, look)] for line in run_rows.wrapped(words, room, 2)])
        used = slots.words(self._shot, getattr(self.app, "now", time.time)())
        shown = self.query_one("#slots", Lines)
        shown.display = bool(used)
        shown.put([[(cut(" · ".join(used), room), "faint")]])

    def _draw_chart(self) -> None:
        shot = self._shot
        if shot is None or self._log or self._zoom == TABLE:
            return
        only = self._alone()
        self._draw_compared(shot, only)
        wanted = (shot.versions.curves, self._look, only, shot.alive, self.app.theme)
        if wanted != self._drawn:
            self._drawn = wanted
            if shot.elsewhere and not shot.curves:
                self._chart.empty = NO_CURVES
            self._chart.show(self._made(shot, self._look))
        self._look_ahead()

    def _made(self, shot: Snapshot, look: Look) -> Figure:
        """The curves in a look."""
        specs = [row.spec for row in shot.rows]
        return self._figure.make(shot.curves, specs, look, self._alone(), alive=shot.alive)

    def _look_ahead(self) -> None:
        """Make ready what another x axis shows."""
        shot = self._shot
        if shot is not None and shot.complete and self._chart.is_on_screen:
            self._ahead.go(self._look, self._alone(), lambda look: self._made(self._shot or shot, look))

    def _alone(self) -> tuple[str, ...]:
        """The runs that are looked at alone; none of them: all."""
        return tuple(dict.fromkeys([self._focused, *self._pinned] if self._focused else self._pinned))

    def _draw_compared(self, shot: Snapshot, only: tuple[str, ...]) -> None:
        """Two or more runs that are looked at alone stand in a table too."""
        compared = self.query_one("#compared", Lines)
        compared.display = len(only) > 1 and not self._log
        if len(only) > 1:
            room = max(self.query_one("#right").size.width, 20)
            compared.put(compare.lines(shot, only, room))

    def _draw_log(self) -> None:
        if self._shot is None or not self._log:
            return
        row = self._shot.row(self._log)
        lines = run_log.lines(self._shot.root, row, max(self.size.width - 6, 20)) if row else []
        run_log.show(self.query_one("#log", LinesView), lines)

    # How it is arranged

    def on_resize(self, event: events.Resize) -> None:
        """Side by side where there is room."""
        self._arrange()

    def _arrange(self) -> None:
        """Who is there and how large, set as such: at another class of its own all that is in it would be restyled."""
        wide, logged = self.size.width >= WIDE and self._zoom == BOTH, bool(self._log)
        self._chart.alone = self._zoom == CHART
        left = self.query_one("#left")
        left.display, self.query_one("#right").display = self._zoom != CHART, self._zoom != TABLE
        self._chart.display, self.query_one("#log").display = not logged, logged
        self.query_one("#compared").display = len(self._alone()) > 1 and not logged
        self.styles.layout = "horizontal" if wide else "vertical"
        left.styles.width, left.styles.padding = (LEFT, (0, 1, 0, 0)) if wide else ("1fr", 0)
        left.styles.height = "1fr" if wide or self._zoom == TABLE else "auto"
        rows, room = len(self._shot.rows) if self._shot else 0, max(self.size.height * 2 // 5, 4)
        self._table.styles.height = "1fr" if wide or self._zoom == TABLE else min(rows + 1, room)
        self.call_after_refresh(self._draw_words)
        self.call_after_refresh(self._look_ahead)

    @on(Table.Moved, "#table")
    def _moved(self) -> None:
        self._steered = True
        here = self._table.cursor
        self._focused, self._log = self._focused and here, self._log and here
        self._draw_log()
        self._draw_words()
        self._draw_chart()

    # What keys do

    @on(Table.Chosen, "#table")
    def action_focus_run(self) -> None:
        """Show this run and the pinned ones alone, or all again."""
        self._focused = "" if self._focused == self._table.cursor else self._table.cursor
        self._draw_chart()

    def action_pin(self) -> None:
        """Pin the run, or let it go."""
        run = self._table.cursor
        if run:
            self._pinned = (
                [name for name in self._pinned if name != run] if run in self._pinned else [*self._pinned, run]
            )
            self._draw_table()
            self._draw_chart()

    def action_unpin(self) -> None:
        """Let all runs go."""
        if not self._alone():
            self.post_message(Say("no run is pinned"))
        self._pinned, self._focused = [], ""
        self._draw_table()
        self._draw_chart()

    def action_retry(self) -> None:
        """Try the run under the cursor again."""
        self.screen.retry(self._table.cursor)  # type: ignore[attr-defined]

    def action_text(self) -> None:
        """Let the run under the cursor write."""
        self.screen.write_text(self._table.cursor)  # type: ignore[attr-defined]

    def action_log(self) -> None:
        """The log of the run under the cursor in place of the chart."""
        self._log = "" if self._log else self._table.cursor
        self._zoom = BOTH
        self._arrange()
        self._draw_log()
        self._draw_chart()
        self.focus()

    def action_log_scroll(self, by: int) -> None:
        """Another part of the log."""
        self.query_one("#log", LinesView).scroll_rows(by)

    def action_order(self) -> None:
        """As planned, or the most urgent first."""
        self._planned_order = not self._planned_order
        self._draw_table()

    def action_filter(self) -> None:
        """Type letters."""
        line = self.query_one("#filter", FilterLine)
        line.cursor_blink = False
        line.display = True
        give_keys(line)

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        self._letters = event.value
        self._draw_table()
        self._draw_words()

    @on(FilterLine.Ended)
    def _filtered(self) -> None:
        self.query_one("#filter", FilterLine).display = bool(self._letters)
        self.focus()

    @on(LossChart.Left)
    def _cursor_left(self) -> None:
        self.focus()

    def action_zoom(self) -> None:
        """Both, the chart alone, the table alone."""
        self._zoom, self._log = _ZOOM[self._zoom], ""
        self._arrange()
        self._draw_chart()
        self.focus()

    def action_down(self) -> None:
        """Next run."""
        self._table.move(1)

    def action_up(self) -> None:
        """Run before."""
        self._table.move(-1)

    def action_first(self) -> None:
        """First run."""
        self._table.move(-100_000)

    def action_last(self) -> None:
        """Last run."""
        self._table.move(100_000)
