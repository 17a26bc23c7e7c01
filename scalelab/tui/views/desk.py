"""A new plan under work: the draft, what comes of it, and what a field's new text does to both. It knows no widget."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from scalelab.errors import BadInput
from scalelab.plan import Plan
from scalelab.records import DeviceInfo
from scalelab.tui.views import switch
from scalelab.tui.views.draft import Draft, Planned, planned, save
from scalelab.tui.views.plan_rows import rows_of
from scalelab.tui.views.plan_words import reverted
from scalelab.tui.views.rows import Field, Row


class Desk:
    """Holds one draft and plans it when it is told to."""

    def __init__(self, base: str, devices: Sequence[DeviceInfo] | None) -> None:
        self.devices = devices
        self.usage: Mapping[str, str] = {}
        """Device → what else uses it, as of the last look."""
        self.said = ""
        """The last thing that was done, in a sentence."""
        self.begin(base)

    def begin(self, base: str, lab: str = "") -> None:
        """A new draft from a preset or a file."""
        self.draft = Draft(base=base, lab=lab)
        self.last: Plan | None = None
        self._save_as, self._save_problem, self.said = "", "", ""
        self.plan()

    def plan(self) -> None:
        """Plan the draft as it is."""
        self.now: Planned = planned(self.draft, self.devices)
        self.last = self.now.plan or self.last

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
                self.begin(text.strip() or "tiny", self.draft.lab)
        elif key == "lab":
            self.draft = replace(self.draft, lab=text.strip(), touched="lab")
        elif key == "ladder":
            self.draft = switch.with_ladder(self.draft, self.now, text)
        elif key == "budgets":
            self.draft = switch.with_budgets(self.draft, self.now, text)
        elif switch.rung_key(key) is None:
            self.draft = self.draft.put(key, text)
        elif done and not text.strip():
            self.remove(key)
        else:
            self.draft = switch.with_rung(self.draft, self.now, key, text)

    def add(self, key: str) -> str:
        """A rung more behind that of this field; its field."""
        self.draft, new = switch.with_more(self.draft, self.now, key)
        self.plan()
        return new

    def remove(self, key: str) -> None:
        """The rung of this field away."""
        self.draft = switch.without(self.draft, self.now, key)
        self.plan()

    def revert(self, key: str) -> None:
        """What this field stands for as the preset has it."""
        self.draft = reverted(self.draft, key)
        self.plan()

    def _named(self, text: str, *, done: bool) -> None:
        self._save_as, self._save_problem = text, ""
        if not (done and text.strip()):
            return
        if self.now.preset is None:
            self._save_problem = "these values are no preset yet"
            return
        try:
            path = os.fspath(save(self.now.preset, text))
        except BadInput as problem:
            self._save_problem = problem.line()
            return
        self.begin(path, self.draft.lab)
        self.said = f"saved as {path}"
