"""A lab grows: fields for more tokens, sizes and seeds, the runs that they add, and their cost before any begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from scalelab.gate import clean
from scalelab.tui import keys
from scalelab.tui.bars import KeyBar, Lines
from scalelab.tui.focus import give_keys
from scalelab.tui.screens.base import Room
from scalelab.tui.views import growing
from scalelab.tui.views.growing import Growing
from scalelab.tui.views.page import Page
from scalelab.tui.views.sheet import Sheet
from scalelab.units import format_duration

if TYPE_CHECKING:
    from scalelab.tui.screens.asks import Asks
    from scalelab.tui.snapshot import Snapshot

TRAINS = "the lab is trained now: start when that is over, or stop it first ({}, then {}); what is typed shows its cost"


class GrowScreen(Room):
    """What is to be added to a lab; starting is asked of the screen of the lab below."""

    DEFAULT_CSS = """
    GrowScreen #grow-title { padding: 0 1; background: $panel; }
    GrowScreen Sheet { height: auto; max-height: 50%; margin-top: 1; }
    GrowScreen Page { height: 1fr; padding: 1 0 0 2; }
    GrowScreen .grow-foot { height: auto; max-height: 4; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("grow")
    scopes = ("grow",)

    def __init__(self, shot: Snapshot) -> None:
        super().__init__()
        self._growing = Growing(shot=shot)

    def compose(self) -> ComposeResult:
        """Title, form, what is added, what it costs, the command, keys."""
        yield Lines(id="grow-title")
        yield Sheet(id="grow-form")
        yield Page(id="grow-runs")
        yield Static(id="grow-cost", classes="grow-foot", markup=False)
        yield Static(id="grow-command", classes="grow-foot", markup=False)
        yield KeyBar(id="keybar")

    def on_mount(self) -> None:
        """Keys go to the form."""
        self._tell()
        self.tell_keys()
        give_keys(self.query_one(Sheet))

    def follow(self, shot: Snapshot) -> None:
        """Count and plan again: runs have ended, training has, or somebody else has grown the lab."""
        before = self._growing.shot
        moved = (shot.versions.rows, shot.alive) != (before.versions.rows, before.alive) or shot.preset != before.preset
        if shot.preset is None or shot.device is None or not moved:
            return
        self._growing = self._growing.of(shot)
        if self.query("#grow-form"):
            self._tell()
            self.tell_keys()

    def is_offered(self, key: keys.Key) -> bool:
        """Nothing is started while the lab is trained; the key says why."""
        return not (key.id == "grow.start" and self._growing.shot.alive) and super().is_offered(key)

    def copied(self) -> str:
        """The command that does the same."""
        return self._growing.command

    def on_sheet_edited(self, message: Sheet.Edited) -> None:
        """Plan again with the new text."""
        message.stop()
        self._growing = self._growing.put(message.key, message.text)
        self._tell()

    def _tell(self) -> None:
        now = self._growing
        words = f"  {len(now.shot.finals)} of its points are finished"
        self.query_one("#grow-title", Lines).put([[(f"extend {clean(now.shot.name, 60)}", "strong"), (words, "faint")]])
        self.query_one(Sheet).show(growing.rows_of(now))
        self.query_one(Page).show(lambda width: growing.lines(now, width))
        told = self._trains() if now.shot.alive and now.more is None else growing.cost_words(now)
        self.query_one("#grow-cost", Static).update(Text(told, "bold"))
        self.query_one("#grow-command", Static).update(Text(f"$ {clean(now.command, 1_000)}", overflow="fold"))

    # What keys do

    def action_edit(self) -> None:
        """Edit the field under the cursor."""
        self.query_one(Sheet).edit()

    def action_choose(self, by: int) -> None:
        """The next or the last of a field's proposals."""
        self.query_one(Sheet).choose(by)

    def action_clear(self) -> None:
        """Nothing of this."""
        field = self.query_one(Sheet).field
        if field is not None:
            self._growing = self._growing.put(field.key, "")
            self._tell()

    def action_down(self) -> None:
        """Next field."""
        self.query_one(Sheet).move(1)

    def action_up(self) -> None:
        """Field before."""
        self.query_one(Sheet).move(-1)

    def action_further(self, by: int) -> None:
        """Scroll the runs that are added."""
        page = self.query_one(Page)
        page.scroll_rows(by * max(page.size.height // 2, 1))

    def action_back(self) -> None:
        """Back without adding anything."""
        self.dismiss()

    def action_start(self) -> None:
        """Grow the lab and train what is added, by a process of its own."""
        now = self._growing
        if now.more is None or not now.more.new:
            self.say(f"cannot start: {now.problem or 'nothing is added yet'}")
        elif now.shot.alive:
            self.say(self._trains())
        else:
            from scalelab.lab import control

            root, asked, lab = now.shot.root, now.asked, self._lab()

            def do() -> str:
                grown = control.extend(root, **asked)  # type: ignore[arg-type]
                pid = control.resume(root)
                took = f"about {format_duration(grown.seconds)}, by process {pid}"
                return ". ".join([f"{len(grown.runs)} more runs, {took}", *grown.notes])

            self.dismiss()
            lab.say("the lab grows; new sizes are probed first")
            lab.ask(do)

    def _trains(self) -> str:
        return TRAINS.format(self.key("grow.back"), self.key("lab.stop"))

    def _lab(self) -> Asks:
        from scalelab.tui.screens.asks import Asks

        return next(screen for screen in reversed(self.app.screen_stack) if isinstance(screen, Asks))
