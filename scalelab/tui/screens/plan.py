"""A new plan, before there is a lab: the plan view on a screen of its own. Starting is asked of the app."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.dom import DOMNode

from scalelab.tui import keys
from scalelab.tui.bars import KeyBar
from scalelab.tui.screens.base import Room
from scalelab.tui.views.plan import PlanView


class PlanScreen(Room):
    """The plan of a preset, to edit and to start."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("plan_new")
    scopes = ("plan", "plan_new")

    def __init__(self, preset: str) -> None:
        super().__init__()
        self._preset = preset

    def compose(self) -> ComposeResult:
        """The view and the keys."""
        yield PlanView(base=self._preset, id="plan")
        yield KeyBar(id="keybar")

    def on_mount(self) -> None:
        """Keys go to the form."""
        self.tell_keys()
        self.query_one(PlanView).focus()

    def owner(self, scope: str) -> DOMNode | None:
        """The view has the keys of the plan, once it is there."""
        return next(iter(self.query(PlanView)), None) if scope == "plan" else super().owner(scope)

    def is_offered(self, key: keys.Key) -> bool:
        """There is no lab whose plan could be come back to."""
        return key.id != "plan.new" and super().is_offered(key)

    def copied(self) -> str:
        """The command line that does the same."""
        return self.query_one(PlanView).command

    def action_back(self) -> None:
        """Back without starting."""
        self.dismiss()
