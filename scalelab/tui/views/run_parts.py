"""Parts of the runs view with keys of their own: the line in which a filter is typed, and the chart."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Input

from scalelab.gate import clean
from scalelab.tui import keys
from scalelab.tui.bars import cut
from scalelab.tui.charts.chart import Chart


class FilterLine(Input):
    """Letters that names or states of the shown runs have."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("filter")

    class Ended(Message):
        """Nothing more is typed."""

    over = False
    """Whether the key that ends it was heard: what is typed behind that key is not meant for it."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """While letters are typed every key waits for those before it, the key that ends it too."""
        return not self.over and not key.startswith("ctrl+")

    def render_line(self, y: int) -> Strip:
        """The letters while they are typed; then that they hide runs, and how to see those again."""
        if self.has_focus or y:
            return super().render_line(y)
        width, keymap = self.size.width, getattr(self.app, "keymap", {})
        lifts = f": {keys.named('runs.filter', keymap)} then {keys.named('filter.clear', keymap)} shows all runs"
        told = cut(f"filter {clean(self.value, 200)}", max(width - len(lifts), 0)) + lifts
        return Strip([Segment(told, self.rich_style)]).adjust_cell_length(width, self.rich_style)

    def on_focus(self) -> None:
        """Typed into again."""
        self.over = False

    def on_key(self, event: events.Key) -> None:
        """What comes behind the key that ends it goes on to whoever has the keys then."""
        self.over = self.over or event.key in keys.names(keys.of("filter"), getattr(self.app, "keymap", {}))
        if self.over:
            event.prevent_default()

    def action_done(self) -> None:
        """Keep the letters."""
        self.post_message(self.Ended())

    def action_clear(self) -> None:
        """Drop them."""
        self.value = ""
        self.post_message(self.Ended())


class LossChart(Chart, inherit_bindings=False):
    """The chart, with keys out of the one table."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("chart")

    alone = False
    """Whether there is no table that the keys could go back to."""

    class Left(Message):
        """The cursor is hidden again."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The key that hides the cursor goes on to the lab where there is none and no table either."""
        del parameters
        return action != "leave" or not self.alone or self._cursor is not None

    def action_leave(self) -> None:
        """Hide the cursor and give the keys back."""
        super().action_leave()
        self.post_message(self.Left())
        self.refresh_bindings()

    def action_cursor(self, across: int, down: int) -> None:
        """The cursor, and with it the key that hides it."""
        appears = self._cursor is None
        super().action_cursor(across, down)
        if appears:
            self.refresh_bindings()
