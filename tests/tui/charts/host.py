"""A bare app about one widget, which notes what it posts and what it refreshes."""

from __future__ import annotations

from typing import Any

from textual._compositor import ChopsUpdate
from textual.app import ComposeResult
from textual.geometry import Region
from textual.screen import Screen

from scalelab.tui.charts.chart import ChartMoved
from scalelab.tui.charts.map import MapMoved
from scalelab.tui.charts.widget import CellWidget
from scalelab.tui.charts.wire import ExactSpans, ExactUpdate


class Host(ExactSpans[None]):
    """Shows the widget alone."""

    def __init__(self, widget: CellWidget) -> None:
        super().__init__()
        self.widget = widget
        self.moved: list[Any] = []
        self.refreshed: list[Region] = []
        self.written = 0
        """Bytes that partial updates would have sent to a terminal of 256 colours."""

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if isinstance(renderable, ChopsUpdate):
            exact = ExactUpdate(renderable.chops, renderable.spans, renderable.chop_ends)
            self.written += len(exact.render_segments(self.console).encode())
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
