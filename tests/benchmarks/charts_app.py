"""The app that `tests.benchmarks.charts` runs inside a pty: one widget, a driver that counts what is written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from textual.app import ComposeResult
from textual.drivers.linux_driver import LinuxDriver

from scalelab.tui.charts.widget import CellWidget
from scalelab.tui.charts.wire import ChangedCells


class Counting(LinuxDriver):
    """Counts bytes and notes when the last were written."""

    written = 0
    last = 0.0

    def write(self, data: str) -> None:
        """Write and count."""
        Counting.written += len(data.encode())
        Counting.last = time.perf_counter()
        super().write(data)


class Frames(ChangedCells[None]):
    """Shows a figure after the other; the first one is not counted, nor is an empty one."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self, widget: Any, figures: Sequence[Any], settle: float) -> None:
        super().__init__(driver_class=Counting)
        self._shown, self._figures, self._settle = widget, figures, settle
        self.costs: list[tuple[float, float, int]] = []

    @classmethod
    def run_over(cls, widget: CellWidget, figures: Sequence[Any], settle: float) -> list[tuple[float, float, int]]:
        """(CPU ms, ms until the last byte, bytes) of each frame after the first."""
        app = cls(widget, figures, settle)
        app.run()
        return app.costs

    def compose(self) -> ComposeResult:
        yield self._shown

    def on_mount(self) -> None:
        self.run_worker(self._play())

    async def _play(self) -> None:
        await asyncio.sleep(6 * self._settle)
        for place, figure in enumerate(self._figures):
            Counting.written, began, cpu = 0, time.perf_counter(), time.process_time()
            self._shown.show(figure)
            await asyncio.sleep(self._settle)
            while time.perf_counter() - max(Counting.last, began) < self._settle / 2:
                await asyncio.sleep(self._settle / 4)
            if place and figure is not None:
                cost = 1e3 * (time.process_time() - cpu)
                self.costs.append((cost, 1e3 * (Counting.last - began), Counting.written))
        self.exit()
