"""The app under Pilot: open it, wait for what is read, see its screen as plain text, compare with the kept one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from scalelab.tui.app import LabApp, Opening
from scalelab.tui.screens.lab import LabScreen
from scalelab.tui.screens.start import StartScreen
from scalelab.tui.settings import Settings
from tests.tui import looks
from tests.tui.conftest import EPOCH
from tests.tui.looks import SIZES

__all__ = ["GOLDENS", "NOW", "SIZES", "app", "golden", "kept", "same", "settle", "text", "until"]

GOLDENS = Path(__file__).parent / "goldens"
NOW = EPOCH + 7200.0


@asynccontextmanager
async def app(
    lab: Path | None = None,
    *,
    preset: str | None = None,
    size: tuple[int, int] = (80, 24),
    chosen: Settings | None = None,
) -> AsyncIterator[tuple[LabApp, Pilot[Any]]]:
    """The app with what it reads there."""
    made = LabApp(Opening(lab=lab, preset=preset), chosen, now=lambda: NOW)
    async with made.run_test(size=size) as pilot:
        if lab is not None:
            await until(pilot, lambda: isinstance(made.screen, LabScreen) and made.screen.is_read)
        elif preset is None:
            await until(pilot, lambda: isinstance(made.screen, StartScreen) and made.screen._labs is not None)
        await settle(pilot)
        yield made, pilot


async def until(pilot: Pilot[Any], there: Callable[[], bool]) -> None:
    """Until something is there."""
    for _ in range(2000):
        if there():
            return
        await pilot.pause(0.005)
    raise AssertionError("it did not come")


async def settle(pilot: Pilot[Any]) -> None:
    """Until all that was asked is drawn."""
    for _ in range(4):
        await pilot.pause()


def text(app: LabApp) -> str:
    """Every row of the screen, without blanks at its end."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips).rstrip() + "\n"


def golden(name: str, shown: str) -> None:
    """Compare with the kept text; `UPDATE_GOLDENS=1` writes it."""
    looks.compare(GOLDENS, name, shown)


async def kept(made: LabApp, pilot: Pilot[Any], name: str) -> str:
    """Compare the screen, in both themes, with the kept one of its size."""
    shown = await looks.in_both_themes(made, pilot, lambda: text(made))
    golden(f"{name}-{made.size.width}x{made.size.height}", shown)
    return shown


async def same(made: LabApp, pilot: Pilot[Any], name: str) -> None:
    """The same in the one theme that there is."""
    golden(f"{name}-{made.size.width}x{made.size.height}", await looks.at_rest(made, pilot, lambda: text(made)))
