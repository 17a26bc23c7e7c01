"""What keys do to the chart of losses: its axes, its smoothing, its window, its cursor. The view says what is in it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

from scalelab.tui.focus import give_keys
from scalelab.tui.views.base import Keyed
from scalelab.tui.views.losses import Look
from scalelab.tui.views.run_parts import LossChart


class ChartKeys(Keyed):
    """A view with a chart of losses."""

    _look: Look

    @property
    def _chart(self) -> LossChart:
        return self.query_one("#chart", LossChart)

    @abstractmethod
    def _draw_chart(self) -> None:
        """Draw it as the look now is."""

    def action_along(self) -> None:
        """Along the next quantity."""
        self._change(self._look.next_along())

    def action_log_y(self) -> None:
        """Loss on the other scale."""
        self._change(replace(self._look, log_y=not self._look.log_y))

    def action_log_x(self) -> None:
        """The other axis on the other scale."""
        self._change(replace(self._look, log_x=not self._look.log_x))

    def action_smooth(self) -> None:
        """Smoothed more, or again not."""
        self._change(self._look.next_smoothing())

    def action_cursor(self) -> None:
        """A cursor in the chart, where it is seen and has something to read."""
        figure = self._chart.figure
        if self._chart.is_on_screen and figure is not None and not figure.empty:
            give_keys(self._chart)
            self._chart.action_cursor(0, 0)

    def action_closer(self, factor: float) -> None:
        """A narrower or a wider part of the x axis."""
        self._chart.action_zoom(factor)

    def action_pan(self, by: float) -> None:
        """Another part of it."""
        self._chart.action_pan(by)

    def action_whole(self) -> None:
        """All of it."""
        self._chart.action_whole()

    def _change(self, look: Look) -> None:
        self._look = look
        self._draw_chart()
