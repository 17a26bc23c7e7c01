"""View 3: the law. Words at the left, loss against compute and residuals beside them where there is room.

On a narrow screen one pane at a time, `v` for the next. It computes nothing: sentences come from `report`, figures from
`figures`, and both only when the law has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from scalelab.figures import Figure
from scalelab.report.source import Subject
from scalelab.tui import keys
from scalelab.tui.charts.chart import Chart
from scalelab.tui.focus import give_keys
from scalelab.tui.snapshot import Snapshot
from scalelab.tui.views import law_figures, law_words
from scalelab.tui.views.base import LabView
from scalelab.tui.views.page import Page
from scalelab.tui.views.subject import subject_of, why_no_law

WIDE = 120
"""Columns from which words and figures stand side by side."""
PANES = ("words", "loss", "misses", "history")


class LawChart(Chart, inherit_bindings=False):
    """A chart whose cursor, once left, gives the keys back to its view."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("chart")

    def action_leave(self) -> None:
        """Hide the cursor and go back."""
        super().action_leave()
        view = next(each for each in self.ancestors if isinstance(each, LawView))
        view.focus()


class LawView(LabView):
    """What the runs say."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("law")
    DEFAULT_CSS = """
    LawView { layout: vertical; height: 1fr; }
    LawView Page { width: 3fr; height: 1fr; padding-left: 1; }
    LawView #law-figures { width: 2fr; height: 1fr; }
    LawView #law-loss { height: 3fr; }
    LawView #law-misses { height: 2fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._pane = 0
        self._is_law = False

    def compose(self) -> ComposeResult:
        """Words, and the three figures."""
        glyphs = getattr(self.app, "glyphs", "braille")
        with Horizontal():
            yield Page(id="law-words")
            with Vertical(id="law-figures"):
                for name in PANES[1:]:
                    yield LawChart(id=f"law-{name}", empty="no law yet", glyphs=glyphs)

    @property
    def pane(self) -> str:
        """The pane that is shown, alone where there is no room for two."""
        return PANES[self._pane]

    def draw(self, snapshot: Snapshot) -> None:
        """Words and figures of the newest law."""
        self.query_one(Page).show(lambda width: law_words.lines(snapshot, width))
        subject = subject_of(snapshot)
        self._is_law = subject is not None
        if subject is None:
            self._put(dict.fromkeys(PANES[1:]), " ".join(why_no_law(snapshot)))
        else:
            self._build(snapshot, subject)
        self.lay_out()

    @work(thread=True, exclusive=True)
    def _build(self, snapshot: Snapshot, subject: Subject) -> None:
        """The figures, in a thread: the frontier of several laws takes most of a second beside training."""
        built = {
            "loss": law_figures.loss(subject),
            "misses": law_figures.misses(subject),
            "history": law_figures.history(snapshot.history, str(subject.assessment.best)),
        }
        self.back(self._put, built, "after another fit: how the exponents moved")

    def _put(self, built: Mapping[str, Figure | None], words: str) -> None:
        for name, figure in built.items():
            chart = self.query_one(f"#law-{name}", LawChart)
            chart.empty = words
            chart.show(figure)

    def copied(self) -> str:
        """Everything that is said in words."""
        return "\n".join(self.query_one(Page).plain)

    def keys_to(self) -> Widget:
        """What is read."""
        return self.query_one("#law-words" if self._pane == 0 else f"#law-{self.pane}")

    def lay_out(self) -> None:
        """Words beside figures, or one pane alone."""
        wide, words = self.size.width >= WIDE, self._pane == 0
        self.query_one("#law-words").display = words
        self.query_one("#law-figures").display = (wide and self._is_law) or not words
        for name in PANES[1:]:
            together = words and wide and name != "history"
            self.query_one(f"#law-{name}").display = together or name == self.pane

    # What keys do

    def action_pane(self, by: int) -> None:
        """The next pane, or the one before."""
        self._pane = (self._pane + by) % len(PANES)
        self.lay_out()
        self.focus()

    def action_down(self) -> None:
        """A line further."""
        self._words().scroll_rows(1)

    def action_up(self) -> None:
        """A line back."""
        self._words().scroll_rows(-1)

    def action_further(self, by: int) -> None:
        """A screen further, or back."""
        page = self._words()
        page.scroll_rows(by * max(page.size.height - 2, 1))

    def action_first(self) -> None:
        """To the top."""
        self._words().scroll_rows(-100_000)

    def action_last(self) -> None:
        """To the end."""
        self._words().scroll_rows(100_000)

    def action_cursor(self) -> None:
        """A cursor in the chart that is seen."""
        chart = self._chart()
        if chart.display and chart.figure is not None:
            give_keys(chart)
            chart.action_cursor(0, 0)

    def action_closer(self, factor: float) -> None:
        """Closer to the end of the x axis, or back."""
        self._chart().action_zoom(factor)

    def action_whole(self) -> None:
        """The whole x axis."""
        self._chart().action_whole()

    def _chart(self) -> LawChart:
        return self.query_one(f"#law-{PANES[max(self._pane, 1)]}", LawChart)

    def _words(self) -> Page:
        return self.query_one(Page)
