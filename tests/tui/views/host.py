"""A bare app around one view, and its screen as plain text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from scalelab.tui.themes import THEMES
from tests.tui import looks
from tests.tui.looks import SIZES

__all__ = ["GOLDENS", "SIZES", "Host", "golden", "kept", "piloted", "same", "screen", "settle", "until_working"]
GOLDENS = Path(__file__).parent / "goldens"


class Host(App[None]):
    """Shows one view and keeps what it asks for."""

    def __init__(self, view: Widget) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "scalelab-dark"
        self.view = view
        self.asked: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.view.focus()

    def on_plan_view_start_requested(self, message: Message) -> None:
        self.asked.append(message)


def screen(app: App[None]) -> str:
    """Every row of the screen, without blanks at its end."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips).rstrip() + "\n"


def golden(name: str, shown: str) -> None:
    """Compare with the kept text; `UPDATE_GOLDENS=1` writes it."""
    looks.compare(GOLDENS, name, shown)


async def kept(app: App[None], pilot: Pilot[Any], name: str) -> str:
    """Compare the screen, in both themes, with the kept one of its size."""
    shown = await looks.in_both_themes(app, pilot, lambda: screen(app))
    golden(f"{name}-{app.size.width}x{app.size.height}", shown)
    return shown


async def same(app: App[None], pilot: Pilot[Any], name: str) -> None:
    """The same in the one theme that there is."""
    golden(f"{name}-{app.size.width}x{app.size.height}", await looks.at_rest(app, pilot, lambda: screen(app)))


def piloted(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that drives an app, run to its end."""

    @wraps(test)
    def run(*args: Any, **named: Any) -> None:
        asyncio.run(test(*args, **named))

    return run


async def settle(pilot: Pilot[Any]) -> None:
    """Until all that was asked, of threads too, is drawn."""
    for _ in range(3):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def until_working(app: App[None], pilot: Pilot[Any]) -> None:
    """Until a thread computes something for the view."""
    while not any(each.is_running for each in app.workers):
        await pilot.pause()
