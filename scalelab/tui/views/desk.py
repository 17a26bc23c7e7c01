"""A new plan under work: the draft, what comes of it, and what a field's new text does to both. It knows no widget.

A draft that is left, for the list or for another preset, is kept under its preset's name and gone on with there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace

from scalelab import preset_files
from scalelab.errors import BadInput
from scalelab.plan import Plan
from scalelab.records import DeviceInfo
from scalelab.tui.views import grouping, switch, tasks
from scalelab.tui.views.draft import BUDGETS, LADDERS, SPAN, Draft, Planned, budget_kind, ladder_kind
from scalelab.tui.views.plan_rows import rows_of
from scalelab.tui.views.plan_words import why_not
from scalelab.tui.views.planning import is_lab, planned, preset_file, save
from scalelab.tui.views.rows import Field, Row


class Desk:
    """Holds one draft and plans it when it is told to."""

    def __init__(self, base: str, devices: Sequence[DeviceInfo] | None) -> None:
        self.devices = devices
        self.usage: Mapping[str, str] = {}
        """Device → what else uses it, as of the last look."""
        self.said = ""
        """The last thing that was done, in a sentence."""
        self._kept: MutableMapping[str, Draft] = {}
        self._reverts = ""
        self.begin(base)

    def keep_in(self, kept: MutableMapping[str, Draft], reverts: str) -> None:
        """Lay what is edited here, and go on with what lies here; `reverts` is the key that takes edits back."""
        self._kept, self._reverts = kept, reverts
        if self.draft.base in kept:
            self.begin(self.draft.base)

    def begin(self, base: str, lab: str = "") -> None:
        """The draft of a preset or a file that was left, or a new one."""
        left = self._kept.get(base)
        if left is not None and is_lab(left.started):
            left = None
        self.draft = Draft(base=base, lab=lab) if left is None else replace(left, lab=lab or left.lab)
        self.last: Plan | None = None
        self._bare: Draft | None = None
        self._save_as, self._save_problem = "", ""
        self.said = f"as you left it; {self._reverts} at the preset takes all edits out" if left is not None else ""
        self.plan()

    def start(self) -> None:
        """These values are being trained: they are no draft any more once there is that lab."""
        self.draft = replace(self.draft, started=str(self.now.lab or ""))
        self._keep(edited=bool(self.now.sets))

    def _keep(self, edited: bool) -> None:
        left = self._kept.get(self.draft.base)
        if left is not None and left.edits != self.draft.edits:  # other values than those that are trained
            self.draft = replace(self.draft, started="")
        if edited or self.draft.lab:
            self._kept[self.draft.base] = self.draft
        else:
            self._kept.pop(self.draft.base, None)

    def plan(self) -> None:
        """Plan the draft as it is."""
        self.now: Planned = planned(self.draft, self.devices)
        self.last = self.now.plan or self.last
        # What was typed as the preset has it is no edit; of a preset that cannot be read nobody knows.
        self._keep(edited=bool(self.now.sets or (self.now.base is None and self.draft.edits)))

    def rows(self) -> list[Row]:
        """Every row of the form."""
        saved = Field(key="save", label="save as", value=self._save_as, empty="NAME", problem=self._save_problem,
                      beside="a preset of its own: a name and enter")  # fmt: skip
        return [*rows_of(self.draft, self.now, self.last, self.devices, self.usage), saved]

    def take(self, key: str, text: str, *, done: bool) -> None:
        """A field's new text; `done` is False while more may be typed. Planning is left to the caller."""
        self.said = ""
        if key == "save":
            self._named(text, done=done)
        elif key == "preset":
            if done and text.strip() != self.draft.base:
                self._leave()
                self.begin(text.strip() or "tiny", self.draft.lab)
        elif key == "lab":
            self.draft = replace(self.draft, lab=text.strip(), touched="lab")
        elif key == "ladder":
            self.draft = switch.with_ladder(self.draft, self.now, text)
            self._why_still(ladder_kind(self.now, self.draft), text, "sizes")
        elif key == "budgets":
            self.draft = switch.with_budgets(self.draft, self.now, text)
            self._why_still(budget_kind(self.now, self.draft), text, "budgets")
        elif key == tasks.TASK:
            self.draft = tasks.with_task(self.draft, self.now.base, text)
        elif key in {tasks.PROMPT, tasks.TARGET}:
            self.draft = tasks.with_column(self.draft, self.now.base, key, text)
        elif done and not text.strip() and _is_one_of_several(key):
            self.remove(key)
        elif grouping.place_of(key) is not None:
            self.draft = grouping.with_text(self.draft, self.now.base, key, text)
        elif switch.rung_key(key) is not None:
            self.draft = switch.with_rung(self.draft, self.now, key, text)
        elif key != grouping.KEY:
            self.draft = switch.with_text(self.draft, key, text, done=done)
        self._keep(edited=bool(self.draft.edits))

    def _why_still(self, kind: str, wanted: str, what: str) -> None:
        """Why they are not said in the wanted way: they are worked out from a plan."""
        if kind != wanted:
            self.said = f"cannot say the {what} as {wanted} without a plan: {why_not(self.now)}"

    def _leave(self) -> None:
        """For another preset, which takes the folder over."""
        if (left := self._kept.pop(self.draft.base, None)) is not None and left.edits:
            self._kept[left.base] = replace(left, lab="")

    def add(self, key: str) -> str:
        """A rung more behind that of this field, or a group; its field."""
        self.said = ""
        if key.startswith(grouping.KEY):
            self.draft, new = grouping.with_more(self.draft, self.now.base, key)
        else:
            self.draft, new = switch.with_more(self.draft, self.now, key)
        self.plan()
        return new

    def remove(self, key: str) -> str:
        """The rung or the group of this field away; the field where it was."""
        self.said = ""
        if grouping.place_of(key) is not None:
            self.draft, here = grouping.without(self.draft, self.now.base, key)
        else:
            self.draft, here = switch.without(self.draft, self.now, key)
        self.plan()
        return here

    def revert(self, key: str) -> None:
        """What this field stands for as the preset has it; at the preset's own field all of them, and back again."""
        self.said = ""
        if key == "preset":
            self._without_edits()
        elif key == "ladder" or key in LADDERS[SPAN] or switch.rung_key(key) is not None:
            self.draft = switch.reverted(self.draft, self.now, key)
        elif key == "budgets" or key in BUDGETS.values():
            self.draft = self.draft.instead(list(BUDGETS.values()), {}, key)
        elif key == "lab":
            self.draft = replace(self.draft, lab="", touched="lab")
        elif key == tasks.TASK:
            self.draft = self.draft.instead(tasks.BROUGHT, {}, key)
        elif key.startswith(grouping.KEY):
            self.draft = grouping.reverted(self.draft, self.now.base, key)
        else:
            self.draft = self.draft.put(tasks.SOURCE if key in {tasks.PROMPT, tasks.TARGET} else key, "")
        self.plan()

    def _without_edits(self) -> None:
        if self.draft.edits:
            self._bare, self.draft = self.draft, Draft(base=self.draft.base, lab=self.draft.lab)
            self.said = f"all as the preset has it; {self._reverts} again brings the edits back"
        elif self._bare is not None:
            self.draft, self._bare = self._bare, None

    def _named(self, text: str, *, done: bool) -> None:
        self._save_as, self._save_problem = text, ""
        if not (done and text.strip()):
            return
        try:
            file = preset_file(text)
            if self.now.preset is None:
                self._save_problem = "these values are no preset yet"
                return
            path = os.fspath(save(self.now.preset, text))
        except BadInput as problem:
            self._save_problem = problem.line()
            return
        for name in (self.draft.base, path):  # of a file of that name that is no more something may be left
            self._kept.pop(name, None)
        self.begin(path, self.draft.lab)
        shipped = f"; `--preset {file.stem}` is still the shipped one" if file.stem in preset_files.shipped() else ""
        self.said = f"saved as {path}{shipped}"


def _is_one_of_several(key: str) -> bool:
    """Whether the field is what a rung or a group is called: without it there is none."""
    group = grouping.place_of(key)
    return group[1] == grouping.NAME if group is not None else switch.rung_key(key) is not None
