"""View 5: what a run that nobody has trained will reach. A form at the left, the answer beside or below it.

Every key in a field asks the law anew; it evaluates what was fitted and fits nothing.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget
from textual.worker import get_current_worker

from scalelab.report.known import NOTHING, Known
from scalelab.report.source import Subject
from scalelab.tui import keys
from scalelab.tui.snapshot import Snapshot
from scalelab.tui.views import predict_words
from scalelab.tui.views.base import LabView
from scalelab.tui.views.link import link_of
from scalelab.tui.views.page import Page
from scalelab.tui.views.question import Answered, Question, answered, rows_of
from scalelab.tui.views.sheet import Sheet
from scalelab.tui.views.subject import known_of, subject_of

if TYPE_CHECKING:
    from scalelab.laws import Link

LINK_SECONDS = 30.0
"""Accuracy from loss is fitted anew no oftener while a lab trains."""
WIDE = 140
"""Columns from which the answer stands beside the form."""


class PredictView(LabView):
    """Questions to the law."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("predict")
    DEFAULT_CSS = """
    PredictView { layout: vertical; height: 1fr; }
    PredictView #predict-body { layout: vertical; height: 1fr; }
    PredictView #predict-body.wide { layout: horizontal; }
    PredictView Sheet { width: 1fr; height: auto; max-height: 50%; }
    PredictView .wide Sheet { width: 78; height: 1fr; max-height: 100%; }
    PredictView Page { width: 1fr; height: 1fr; padding: 1 0 0 1; }
    PredictView .wide Page { padding: 0 0 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's own name)
        super().__init__(id=id)
        self._question = Question()
        self._subject: Subject | None = None
        self._known: Known = NOTHING
        self._found = Answered()
        self._asked = self._question
        """What `_found` answers."""
        self._pane = "answer"
        self._asked_link = -LINK_SECONDS

    def compose(self) -> ComposeResult:
        """The form and what is answered."""
        with Container(id="predict-body"):
            yield Sheet(id="predict-form")
            yield Page(id="predict-answer")

    def draw(self, snapshot: Snapshot) -> None:
        """Answer by the newest law."""
        self._subject, known = subject_of(snapshot), known_of(snapshot)
        self._known = replace(known, link=self._known.link, no_link=self._known.no_link)
        # A process of its own takes a core for a second: beside training not after every run.
        if self._subject is not None and not (snapshot.alive and time.monotonic() - self._asked_link < LINK_SECONDS):
            self._asked_link = time.monotonic()
            self.after_paint(self._learn, snapshot.root, self._subject)
        self._ask()

    def keys_to(self) -> Widget:
        """The form, where there is one."""
        return self.query_one(Sheet if self._subject is not None else Page)

    def copied(self) -> str:
        """The answer."""
        return "\n".join(self.query_one(Page).plain)

    def on_sheet_edited(self, message: Sheet.Edited) -> None:
        """Ask again with the new text."""
        message.stop()
        self._question = self._question.put(message.key, message.text)
        if message.key == "budget":
            self._question = self._question.put("amount", "")
        self._ask()

    def _ask(self) -> None:
        """Ask the law in a thread: the best split of a budget takes up to a second beside training."""
        if self._subject is not None:
            self._answer(self._question, self._subject, self._known)
        self._tell()

    @work(thread=True, exclusive=True, group="answer", description="an answer")
    def _answer(self, question: Question, subject: Subject, known: Known) -> None:
        found = answered(question, subject, known)
        self.back(self._take, question, subject, found)

    def _take(self, question: Question, subject: Subject, found: Answered) -> None:
        """An answer, unless something else was asked since."""
        if question == self._question and subject is self._subject:
            self._found, self._asked = found, question
            self._tell()

    @work(thread=True, exclusive=True, group="link", description="accuracy from loss")
    def _learn(self, root: Path, subject: Subject) -> None:
        """Accuracy from loss, which is fitted in a process of its own."""
        worker = get_current_worker()
        link, no_link = link_of(root, subject, lambda: worker.is_cancelled)
        self.back(self._learned, link, no_link)

    def _learned(self, link: Link | None, no_link: str) -> None:
        if (link, no_link) != (self._known.link, self._known.no_link):
            self._known = replace(self._known, link=link, no_link=no_link)
            self._ask()

    def _tell(self) -> None:
        sheet, page, shot, subject = self.query_one(Sheet), self.query_one(Page), self._snapshot, self._subject
        sheet.display = subject is not None
        if shot is None:
            return
        if subject is None:
            page.show(lambda width: predict_words.empty(shot, width))
            return
        found, no_link = self._found, self._known.no_link
        sheet.show(rows_of(self._question, subject, self._known, found.problems))
        if self._pane == "answer":
            stale = self._question != self._asked
            page.show(lambda width: predict_words.answer(found, subject, width, no_link, stale=stale))
        else:
            page.show(lambda width: predict_words.foretold(shot, subject, width))

    def lay_out(self) -> None:
        """The answer beside the form where there is room, below where not."""
        self.query_one("#predict-body").set_class(self.size.width >= WIDE, "wide")

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a law there is no form."""
        del parameters
        return self._subject is not None or action in {"further", "text"}

    def action_down(self) -> None:
        """Next field."""
        self.query_one(Sheet).move(1)

    def action_up(self) -> None:
        """Field before."""
        self.query_one(Sheet).move(-1)

    def action_first(self) -> None:
        """To the first field."""
        self.query_one(Sheet).move(-1000)

    def action_last(self) -> None:
        """To the last field."""
        self.query_one(Sheet).move(1000)

    def action_further(self, by: int) -> None:
        """Scroll the answer."""
        page = self.query_one(Page)
        page.scroll_rows(by * max(page.size.height // 2, 1))

    def action_edit(self) -> None:
        """Edit the field under the cursor."""
        self.focus()
        self.query_one(Sheet).edit()

    def action_choose(self, by: int) -> None:
        """The next or the last of a field's choices."""
        self.query_one(Sheet).choose(by)

    def action_text(self) -> None:
        """Let trained runs write."""
        if callable(write := getattr(self.screen, "write_text", None)):
            write()

    def action_clear(self) -> None:
        """The field under the cursor as it was at first."""
        field = self.query_one(Sheet).field
        if field is not None and field.key in self._question.texts:
            texts = {key: text for key, text in self._question.texts.items() if key != field.key}
            self._question = replace(self._question, texts=texts)
            self._ask()

    def action_pane(self) -> None:
        """The answer, or what was foretold."""
        self._pane = "foretold" if self._pane == "answer" else "answer"
        self._tell()
        self.query_one(Page).scroll_rows(-100_000)
