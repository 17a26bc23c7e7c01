"""A bare app about one widget, which notes what it posts and what it refreshes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen

from scalelab.tui.charts.chart import ChartMoved
from scalelab.tui.charts.map import MapMoved
from scalelab.tui.charts.widget import CellWidget
from scalelab.tui.charts.wire import ChangedCells, Paper


class Host(ChangedCells[None]):
    """Shows the widget alone."""

    def __init__(self, widget: CellWidget) -> None:
        super().__init__()
        self.widget = widget
        self.moved: list[Any] = []
        self.refreshed: list[Region] = []
        self.sent = Paper()
        self.written = 0
        """Bytes that partial updates would have sent to a terminal of 256 colours."""

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if isinstance(renderable, ChopsUpdate | LayoutUpdate):
            text = self.sent.take(renderable, *screen.outer_size, ColorSystem.EIGHT_BIT)
            if isinstance(renderable, ChopsUpdate):
                self.written += len(text.encode())
        super()._display(screen, renderable)

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_mount(self) -> None:
        self.widget.focus()

    def on_chart_moved(self, message: ChartMoved) -> None:
        self.moved.append(message)

    def on_map_moved(self, message: MapMoved) -> None:
        self.moved.append(message)

    def watch_refreshes(self) -> None:
        """From here on every region that the widget refreshes is noted; the whole of it is its own size."""
        refresh = self.widget.refresh

        def noted(*regions: Region, **manner: Any) -> Any:
            self.refreshed += regions or [self.widget.size.region]
            return refresh(*regions, **manner)

        self.widget.refresh = noted  # type: ignore[method-assign]


def screen(app: Host) -> str:
    """What stands on the screen, as Textual composes it."""
    rows = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in row).rstrip() for row in rows)


def running(
    widget: CellWidget, act: Callable[[Host, Pilot[None]], Awaitable[None]], size: tuple[int, int] = (80, 24)
) -> None:
    """Runs an app about the widget and lets `act` drive it."""

    async def drive() -> None:
        app = Host(widget)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await act(app, pilot)

    asyncio.run(drive())
