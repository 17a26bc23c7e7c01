"""What the next key may show of a very large lab, made ready while nobody presses one: its curves along the other axes.

A few lines at a time, each some thousandths of a second: a key that comes in between is not felt to wait.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace

from textual.timer import Timer

from scalelab.figures import Along, Figure
from scalelab.tui.charts.chart import Chart
from scalelab.tui.charts.memory import MANY
from scalelab.tui.views.losses import Look

REST, BETWEEN = 0.25, 0.02
"""Seconds after a look has changed, and between two parts."""
LINES = 40
"""Of a part."""


class Ahead:
    """Goes on for one chart until all is ready, or until something else is to be."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._parts: Iterator[None] = iter(())
        self._timer: Timer | None = None
        self._ready: Hashable = None
        """What was made ready, or is on its way."""

    def go(self, look: Look, whose: Hashable, make: Callable[[Look], Figure]) -> None:
        """Make the other axes of a look ready, once for each look, size and choice of runs."""
        wanted = (replace(look, along=Along.TOKENS), whose, self._chart.size)
        if wanted == self._ready:
            return
        self._ready, self._parts = wanted, self._each(look, make)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._chart.set_timer(REST, self._go_on)

    def _go_on(self) -> None:
        if next(self._parts, "all") != "all" and self._chart.is_attached:
            self._timer = self._chart.set_timer(BETWEEN, self._go_on)

    def _each(self, look: Look, make: Callable[[Look], Figure]) -> Iterator[None]:
        for along in (each for each in Along if each is not look.along):
            figure = make(replace(look, along=along))
            if sum(len(each.x) for each in figure.series) < MANY:  # it is drawn at once anyway
                return
            yield
            for first in range(0, len(figure.series), LINES):
                self._chart.prepare(figure, slice(first, first + LINES))
                yield
