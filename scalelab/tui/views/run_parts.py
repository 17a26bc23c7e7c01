"""Parts of the runs view with keys of their own: the line in which a filter is typed, and the chart."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Input

from scalelab.tui import keys
from scalelab.tui.charts.chart import Chart


class FilterLine(Input):
    """Letters that names or states of the shown runs have."""

    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("filter")

    class Ended(Message):
        """Nothing more is typed."""

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

    class Left(Message):
        """The cursor is hidden again."""

    def action_leave(self) -> None:
        """Hide the cursor and give the keys back."""
        super().action_leave()
        self.post_message(self.Left())
