"""View 1: the plan. A form that re-plans at every key, its cost, and the command line that does the same.

Of a lab it shows the plan that is trained, and `n` begins a new one from it. It starts nothing itself: it asks, by
`StartRequested`. What a plan costs `plan` knows, what the words of `--set` mean `preset_files` knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from scalelab.errors import ScalelabError
from scalelab.lab import control
from scalelab.plan import Plan, find_devices
from scalelab.preset import Preset
from scalelab.records import DeviceInfo
from scalelab.tui import keys
from scalelab.tui.snapshot import Snapshot
from scalelab.tui.views import plan_words
from scalelab.tui.views.base import Threaded
from scalelab.tui.views.desk import Desk
from scalelab.tui.views.page import Page
from scalelab.tui.views.sheet import Sheet
from scalelab.tui.views.usage import usage_of

WIDE = 150
"""Columns from which the form and the grid stand side by side."""
FOOT = 4
"""Rows that the total and the command may take each."""


class PlanView(Threaded):
    """The plan of a lab, or one that is being made."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("plan")
    DEFAULT_CSS = """
    PlanView { layout: vertical; height: 1fr; }
    PlanView #plan-body { height: 1fr; }
    PlanView Sheet { width: 1fr; height: 1fr; }
    PlanView Page { width: 1fr; height: 1fr; padding-left: 1; }
    PlanView .plan-foot { height: auto; max-height: 4; padding: 0 1; }
    """

    class StartRequested(Message):
        """The person wants this plan trained in this folder."""

        def __init__(self, preset: Preset, lab: Path) -> None:
            self.preset, self.lab = preset, lab
            super().__init__()

    def __init__(
        self,
        *,
        base: str | None = None,
        devices: Sequence[DeviceInfo] | None = None,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """A new plan from a preset, on these devices or on those that are found; without one, the plan of a lab."""
        super().__init__(id=id)
        self._desk = Desk(base or "tiny", devices)
        self._snapshot: Snapshot | None = None
        self._new = base is not None
        """Whether a new plan is being made, and not that of a lab shown."""
        self._lab: tuple[Plan | None, str] = None, ""
        """The plan of the lab that is shown, or why it cannot be told."""
        self._pane = "form"
        self._due = False

    def compose(self) -> ComposeResult:
        """The form, the grid, and at the foot what it comes to."""
        with Horizontal(id="plan-body"):
            yield Sheet(id="plan-form")
            yield Page(id="plan-grid")
        yield Static(id="plan-total", classes="plan-foot", markup=False)
        yield Static(id="plan-command", classes="plan-foot", markup=False)

    # What it is given

    def show(self, snapshot: Snapshot) -> None:
        """Show the plan of this lab, unless a new one is being made from it."""
        first = self._snapshot is None or self._snapshot.root != snapshot.root
        told = None if first or self._snapshot is None else self._snapshot.versions.rows
        planned = None if self._snapshot is None else self._snapshot.preset
        self._snapshot = snapshot
        if first:
            self._new = False  # of another lab than the one that it was begun from
        if first or planned is not snapshot.preset:
            self._lab = plan_words.plan_of(snapshot)
        if not self._new and told != snapshot.versions.rows:
            self._tell()

    def begin(self, base: str) -> None:
        """Begin a new plan from a preset or a file, or go on with the one that was left."""
        self._new = True
        self._desk.begin(base)
        self._tell()
        self._look_where_needed()

    @property
    def command(self) -> str:
        """The line for a shell that trains what is shown; empty where there is none."""
        if not self._new and self._snapshot is not None:
            return "" if self._snapshot.elsewhere else plan_words.going_on(self._snapshot)
        return self._desk.now.command

    def copied(self) -> str:
        """The command that does the same."""
        return self.command

    def keys_to(self) -> Widget:
        """The form, or what is read."""
        return self.query_one(Sheet if self._new and self._pane == "form" else Page)

    def on_mount(self) -> None:
        """Look for devices, which may take a second where a driver is asked."""
        keymap = getattr(self.app, "keymap", {})
        self._desk.keep_in(getattr(self.app, "drafts", {}), keys.named("plan.revert", keymap))
        self._tell()
        # Of a lab the plan is shown as it is stored, and the devices are looked for when a new one is begun from it.
        self.call_after_refresh(self._look_where_needed)

    def _look_where_needed(self) -> None:
        if self.display and self._new and self._desk.devices is None:
            self._look()

    @work(thread=True, exclusive=True, group="devices")
    def _look(self) -> None:
        found = find_devices()
        self.back(self._found, found, usage_of(found), "")

    @work(thread=True, exclusive=True, group="devices")
    def _measure(self) -> None:
        try:
            found = control.devices()
        except ScalelabError as problem:
            told = f"cannot measure: {problem.line()}"
            self.back(self._found, self._desk.devices, self._desk.usage, told)
            return
        finally:
            control.rest()
        self.back(self._found, found, usage_of(found), "measured, as training will see the devices")

    def _found(self, devices: Sequence[DeviceInfo] | None, usage: Mapping[str, str], said: str) -> None:
        self._desk.devices, self._desk.usage = devices, usage
        if said or self._desk.said.startswith("cannot"):  # as long as they were not known
            self._desk.said = said
        self._replan()

    # What is edited

    def on_sheet_edited(self, message: Sheet.Edited) -> None:
        """Take the value, and plan after the key is on the screen: sixty sizes take some hundredths of a second."""
        message.stop()
        self._desk.take(message.key, message.text, done=message.done)
        if not self._due:
            self._due = True
            self.call_after_refresh(self._replan)

    def _replan(self) -> None:
        self._due = False
        self._desk.plan()
        self._tell()

    # What it shows

    def _tell(self) -> None:
        if len(self.query("#plan-form, #plan-grid, #plan-total, #plan-command")) < 4:
            return  # it is being made, and told once it is whole; or it goes, a part at a time
        page, desk = self.query_one(Page), self._desk
        if self._new:
            plan, old = desk.now.plan or desk.last, desk.now.plan is None
            self.query_one(Sheet).show(desk.rows())
            page.show(lambda width: plan_words.grid(plan, width, old=old))
        elif self._snapshot is not None:
            shot, (plan, why_none) = self._snapshot, self._lab
            page.show(lambda width: plan_words.of_lab(shot, plan, why_none, width))
        self._lay_out()
        self._foot()

    def _foot(self) -> None:
        total = plan_words.total(self._desk.now, self._desk.said)
        if not self._new:
            elsewhere = self._snapshot is not None and self._snapshot.elsewhere
            new = keys.named("plan.new", getattr(self.app, "keymap", {}))
            total = Text("" if elsewhere else f"This lab's plan, as it is trained.  {new}: a new plan from this one")
        self.query_one("#plan-total", Static).update(total)
        line = plan_words.command_lines(self.command, self.size.width - 2, FOOT)
        self.query_one("#plan-command", Static).update(line)

    def on_resize(self) -> None:
        """Side by side where there is room; a long command breaks elsewhere."""
        self._lay_out()
        self._foot()

    def _lay_out(self) -> None:
        wide, sheet, page = self.size.width >= WIDE, self.query_one(Sheet), self.query_one(Page)
        sheet.display = self._new and (wide or self._pane == "form")
        page.display = not self._new or wide or self._pane == "grid"

    # What keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What belongs to the form does nothing where a lab's plan is read."""
        del parameters
        read = action in {"down", "up", "further", "first", "last", "new_plan"}
        return read or self._new

    def action_down(self) -> None:
        """Next field, or a line further."""
        self._move(1)

    def action_up(self) -> None:
        """Field before, or a line back."""
        self._move(-1)

    def action_first(self) -> None:
        """To the top."""
        self._move(-10_000)

    def action_last(self) -> None:
        """To the end."""
        self._move(10_000)

    def action_further(self, by: int) -> None:
        """Ten fields on, or half a screen of what is read."""
        self._move(by * (max(self.query_one(Page).size.height // 2, 1) if self._reads() else 10))

    def _reads(self) -> bool:
        """Whether lines are read and no field is under the cursor."""
        page = self.query_one(Page)
        return page.display and (page.has_focus or not self._new)

    def _move(self, by: int) -> None:
        self.query_one(Page).scroll_rows(by) if self._reads() else self.query_one(Sheet).move(by)

    def action_edit(self) -> None:
        """Edit the field under the cursor."""
        self._to_form().edit()

    def action_choose(self, by: int) -> None:
        """The next or the last of a field's choices."""
        self._to_form().choose(by)

    def action_add(self) -> None:
        """A rung more, or a group."""
        sheet = self._to_form()
        if sheet.field is not None:
            key = self._desk.add(sheet.field.key)
            self._tell()
            sheet.go(key)

    def action_remove(self) -> None:
        """The rung or the group under the cursor away."""
        sheet = self._to_form()
        if sheet.field is not None:
            key = self._desk.remove(sheet.field.key)
            self._tell()
            sheet.go(key)

    def action_revert(self) -> None:
        """The field under the cursor as the preset has it."""
        field = self._to_form().field
        if field is not None:
            self._desk.revert(field.key)
            self._tell()

    def action_save(self) -> None:
        """Name a file for a preset of these values."""
        sheet = self._to_form()
        sheet.go("save")
        sheet.edit()

    def action_measure(self) -> None:
        """Measure the devices as training sees them, in a process of its own."""
        self._desk.said = "measuring the devices; this takes some seconds"
        self._foot()
        self._measure()

    def action_pane(self) -> None:
        """The form, or the grid of all points."""
        self._pane = "grid" if self._pane == "form" else "form"
        self._lay_out()
        self.focus()

    def action_new_plan(self) -> None:
        """A new plan from this lab's, and back to it."""
        if self._snapshot is None or self._snapshot.elsewhere:
            return
        if self._new:
            self._new = False
            self._tell()
        else:
            self._pane = "form"
            self.begin(plan_words.preset_of(self._snapshot))
        self.focus()

    def action_start(self) -> None:
        """Ask for the plan to be trained."""
        now = self._desk.now
        if now.preset is None or now.plan is None or now.lab is None or now.problems:
            self._desk.said = "cannot start: " + plan_words.why_not(now)
            self._foot()
            return
        self._desk.start()
        self.post_message(self.StartRequested(now.preset, now.lab))

    def _to_form(self) -> Sheet:
        self._pane = "form"
        self._lay_out()
        self.focus()
        return self.query_one(Sheet)
