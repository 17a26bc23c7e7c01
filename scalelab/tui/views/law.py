"""View 3: the law. Words at the left, loss against compute and residuals beside them where there is room.

On a narrow screen one pane at a time, `v` for the next. It computes nothing: sentences come from `report`, figures from
`figures`, each when it is first looked at after the law has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from scalelab.figures import Figure
from scalelab.report.source import Subject
from scalelab.tui import keys
from scalelab.tui.bars import Lines
from scalelab.tui.charts.chart import Chart
from scalelab.tui.focus import give_keys
from scalelab.tui.snapshot import Snapshot
from scalelab.tui.views import law_card, law_figures, law_words
from scalelab.tui.views.base import DRAWS, LabView
from scalelab.tui.views.page import Page
from scalelab.tui.views.subject import grown, subject_of, why_no_law

WIDE = 120
"""Columns from which words and figures stand side by side."""
EMPTY = {
    "loss": "no law yet",
    "misses": "no law yet",
    "contest": "no contest: one law alone could be fitted",
    "history": "after another fit of this law: how its exponents moved",
    "growth": "after another fit of a law with a best split of N and D: how a and b moved",
    "split": "these runs do not tell how compute is best split between N and D",
    "isoflop": "no three runs of one compute: budgets in FLOPs make isoFLOP levels",
}
"""Panes with a figure, and what stands there without one."""
PANES = ("words", *EMPTY, "card")
GROWN = frozenset({"split", "isoflop"})
"""Figures that need to know how the best N and D grow."""
_NAMES = {"misses": "residuals", "isoflop": "isoFLOP"}


class LawChart(Chart, inherit_bindings=False):
    """A chart whose cursor, once left, gives the keys back to its view."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("chart")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The key that hides the cursor goes on to the lab where there is none."""
        del parameters
        return action != "leave" or self._cursor is not None

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
    LawView #law-panes { padding: 0 1; }
    LawView Page { width: 3fr; height: 1fr; padding-left: 1; }
    LawView #law-figures { width: 2fr; height: 1fr; }
    LawView LawChart { height: 2fr; }
    LawView #law-loss { height: 3fr; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._pane = 0
        self._subject: Subject | None = None
        self._grown = False
        """Whether the subject knows how the best N and D grow."""
        self._built: set[str] = set()
        """Figures of the newest law that are there or on their way."""
        self._figures_of: object = None
        """Whose law the figures show."""

    def compose(self) -> ComposeResult:
        """Which pane it is, words, figures, and the card."""
        glyphs = getattr(self.app, "glyphs", "braille")
        yield Lines(id="law-panes")
        with Horizontal():
            yield Page(id="law-words")
            yield Page(id="law-card")
            with Vertical(id="law-figures"):
                for name in EMPTY:
                    yield LawChart(id=f"law-{name}", empty=DRAWS, glyphs=glyphs)

    @property
    def pane(self) -> str:
        """The pane that is shown, alone where there is no room for two."""
        return PANES[self._pane]

    def draw(self, snapshot: Snapshot) -> None:
        """Words and figures of the newest law."""
        subject = self._subject = subject_of(snapshot)
        self._built, self._grown = set(), False
        self.query_one("#law-words", Page).show(lambda width: law_words.lines(snapshot, subject, width))
        card = self.query_one("#law-card", Page)
        if subject is None:
            self._put(dict.fromkeys(EMPTY))
            card.show(lambda width: law_words.nothing(snapshot, width))
        else:
            card.show(lambda width: law_card.lines(subject, width))
            self._begin_figures((snapshot.root, snapshot.group))
            self.after_paint(self._say_more, snapshot, subject)
        self.lay_out()

    def _begin_figures(self, whose: object) -> None:
        """Until the new ones are there: those of the law before stay, those of another group do not, nor why there
        were none.
        """
        for name, none in EMPTY.items():
            chart = self.query_one(f"#law-{name}", LawChart)
            others = whose != self._figures_of
            if others:
                chart.show(None)
            if others or (chart.figure is None and chart.empty != none):
                chart.empty = DRAWS
        self._figures_of = whose

    @work(thread=True, exclusive=True, group="words", description="words of a law")
    def _say_more(self, snapshot: Snapshot, subject: Subject) -> None:
        """How the best N and D grow, in a thread: every law's frontier is solved for it."""
        self.back(self._more_said, snapshot, grown(subject))

    def _more_said(self, snapshot: Snapshot, subject: Subject) -> None:
        if not self.is_of_now(snapshot):
            return
        self._subject, self._grown = subject, True
        self.query_one("#law-words", Page).show(lambda width: law_words.lines(snapshot, subject, width))
        self._want(self._seen())

    def _want(self, names: Iterable[str]) -> None:
        """Have these figures built, once for each law; those of the split need to know how it grows."""
        shot, subject = self._snapshot, self._subject
        missing = [name for name in names if name not in self._built and (self._grown or name not in GROWN)]
        if shot is not None and subject is not None and missing:
            self._built.update(missing)
            self.after_paint(self._build, missing, shot, subject)

    @work(thread=True, group="figures", description="figures of a law")
    def _build(self, names: list[str], snapshot: Snapshot, subject: Subject) -> None:
        """Figures, in a thread: the frontier of several laws takes most of a second beside training."""
        self.back(self._put, {name: law_figures.build(name, snapshot, subject) for name in names}, snapshot)

    def _put(self, built: Mapping[str, Figure | None], of: Snapshot | None = None) -> None:
        if of is not None and not self.is_of_now(of):
            return
        shot = self._snapshot
        why = " ".join(why_no_law(shot)) if shot is not None and self._subject is None else ""
        for name, figure in built.items():
            chart = self.query_one(f"#law-{name}", LawChart)
            chart.empty = why or EMPTY[name]
            chart.show(figure)

    def copied(self) -> str:
        """Everything that is said in words, or the line that fits again with the card."""
        if self.pane == "card" and self._subject is not None:
            return law_card.copied(self._subject)
        return "\n".join(self.query_one("#law-words", Page).plain)

    def keys_to(self) -> Widget:
        """What is read."""
        return self.query_one(f"#law-{self.pane}")

    def _seen(self) -> list[str]:
        """The figures that are on the screen."""
        if self.pane != "words":
            return [self.pane] if self.pane in EMPTY else []
        width = self.size.width or self.screen.size.width  # it has none before its first sight
        return ["loss", "misses"] if width >= WIDE and self._subject is not None else []

    def lay_out(self) -> None:
        """Words beside figures, or one pane alone."""
        seen = self._seen()
        self.query_one("#law-panes", Lines).put([law_words.panes(PANES, _NAMES, self._pane, self.size.width - 2)])
        self.query_one("#law-words").display = self.pane == "words"
        self.query_one("#law-card").display = self.pane == "card"
        self.query_one("#law-figures").display = bool(seen)
        for name in EMPTY:
            self.query_one(f"#law-{name}").display = name in seen
        self._want(seen)

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
        return self.query_one(f"#law-{self.pane if self.pane in EMPTY else 'loss'}", LawChart)

    def _words(self) -> Page:
        return self.query_one("#law-card" if self.pane == "card" else "#law-words", Page)
