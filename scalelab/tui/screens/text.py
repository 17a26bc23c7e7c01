"""Text that trained runs write after a prompt, side by side where there is room. A worker writes it, here it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from scalelab.errors import BadInput
from scalelab.gate import clean, clean_lines
from scalelab.tui import keys
from scalelab.tui.bars import KeyBar, Lines
from scalelab.tui.focus import give_keys
from scalelab.tui.screens.base import Room
from scalelab.tui.texts import Texts, Written
from scalelab.tui.views import writing
from scalelab.tui.views.draft import whole
from scalelab.tui.views.page import Made, Page
from scalelab.tui.views.sheet import Sheet
from scalelab.tui.views.writing import Ask

if TYPE_CHECKING:
    from scalelab.tui.snapshot import Snapshot

WIDE = 100
"""Columns from which texts stand side by side."""


class TextScreen(Room):
    """A form, and up to three texts."""

    DEFAULT_CSS = """
    TextScreen #text-title { padding: 0 1; background: $panel; }
    TextScreen Sheet { height: auto; max-height: 50%; }
    TextScreen #texts { layout: vertical; height: 1fr; margin-top: 1; }
    TextScreen.-wide #texts { layout: horizontal; }
    TextScreen Page { width: 1fr; height: 1fr; padding: 0 1; display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("text")
    scopes = ("text",)

    def __init__(self, shot: Snapshot, written: Texts, run: str = "") -> None:
        """`written` brings the texts, and stays with the lab when this screen is left."""
        super().__init__()
        self._shot, self._by = shot, written
        self._looked_at, self._writing = run, writing.begin(shot, run)
        self._asked: tuple[Ask, ...] = ()
        """What is shown, or on its way."""
        self._texts: dict[Ask, tuple[str, str]] = {}
        """What was written, and why not."""

    def compose(self) -> ComposeResult:
        """Title, form, texts, keys."""
        yield Lines(id="text-title")
        yield Sheet(id="text-form")
        with Container(id="texts"):
            for side in writing.SIDES:
                yield Page(id=f"text-{side}")
        yield KeyBar(id="keybar")

    def on_mount(self) -> None:
        """Keys go to the form."""
        self._tell()
        self.tell_keys()
        give_keys(self.query_one(Sheet))

    def on_resize(self) -> None:
        """Side by side where there is room."""
        self.set_class(self.size.width >= WIDE, "-wide")

    def copied(self) -> str:
        """All texts, each under its run."""
        told = [
            f"{clean(ask.run, 60)}:\n{clean_lines(ask.prompt + self._texts[ask][0])}"
            for ask in self._asked
            if ask in self._texts and not self._texts[ask][1]
        ]
        return "\n\n".join(told)

    def on_sheet_edited(self, message: Sheet.Edited) -> None:
        """Take the new text; nothing is written before it is asked for."""
        message.stop()
        self._writing = self._writing.put(message.key, message.text)
        self._tell()

    def _tell(self) -> None:
        shot, sheet = self._shot, self.query_one(Sheet)
        begins = f"  written by a worker, {self.key('text.write')} begins" if self._writing.runs else ""
        words = [(f"text from {clean(shot.name, 60)}", "strong"), (begins, "faint")]
        self.query_one("#text-title", Lines).put([words])
        sheet.display = bool(self._writing.runs)
        sheet.show(writing.rows_of(self._writing, shot))
        first = self.query_one(f"#text-{writing.SIDES[0]}", Page)
        if not self._writing.runs:
            first.display = True
            first.show(lambda width: writing.nothing(shot, width))
        for page, ask in zip(self.query(Page), self._asked, strict=False):
            page.show(self._made(ask))
        for place, page in enumerate(self.query(Page)):
            page.display = place < max(len(self._asked), not self._writing.runs)

    def _made(self, ask: Ask) -> Made:
        text, problem = self._texts.get(ask, (None, ""))
        return lambda width: writing.text_lines(self._shot, ask, text, problem, width)

    # What keys do

    def action_write(self) -> None:
        """Let them write, by a worker: loading torch takes seconds."""
        if not self._writing.runs:
            self._take_newest()
        try:
            asks = self._writing.asks()
        except BadInput as problem:
            self.say(problem.line())
            return
        if not asks:
            self.say("no run is chosen" if self._writing.runs else "no run can write yet")
            return
        self._asked = tuple(asks)
        missing = [ask for ask in asks if self._texts.get(ask, ("", "again"))[1]]
        self._texts = {ask: told for ask, told in self._texts.items() if ask not in missing}
        self._tell()
        if missing:
            self.say(writing.chosen(missing, loaded=self._by.loaded))
            self._by.ask(missing, self.hear)

    def _take_newest(self) -> None:
        """Runs that have ended since the screen was opened."""
        newest = [shot for screen in self.app.screen_stack if (shot := getattr(screen, "snapshot", None)) is not None]
        if newest:
            self._shot = newest[-1]
            self._writing = writing.begin(self._shot, self._looked_at)
            self._tell()

    def on_unmount(self) -> None:
        """Nobody reads what would still be written."""
        self._by.forget()

    @on(Written)
    def _written(self, message: Written) -> None:
        message.stop()
        self._texts[message.ask] = message.text, message.problem
        if all(ask in self._texts for ask in self._asked):
            self.say("")
        self._tell()

    def action_again(self) -> None:
        """The same with the next seed."""
        seed = whole(self._writing.value("seed"))
        if seed is not None:
            self._writing = self._writing.put("seed", str(seed + 1))
            self.action_write()

    def action_edit(self) -> None:
        """Edit the field under the cursor."""
        self.query_one(Sheet).edit()

    def action_choose(self, by: int) -> None:
        """The next or the last of a field's choices."""
        self.query_one(Sheet).choose(by)

    def action_down(self) -> None:
        """Next field."""
        self.query_one(Sheet).move(1)

    def action_up(self) -> None:
        """Field before."""
        self.query_one(Sheet).move(-1)

    def action_further(self, by: int) -> None:
        """Scroll the texts."""
        for page in self.query(Page):
            page.scroll_rows(by * max(page.size.height // 2, 1))

    def action_back(self) -> None:
        """Back to the lab."""
        self.dismiss()
