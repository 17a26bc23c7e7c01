"""Kept screens in every look: dark and light have the same words, and without colours some have others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

COLOURS = ("colours", "no-colour")
PAINTED = 0.06
"""Seconds in which a view was surely painted."""
SIZES = ((50, 24), (80, 24), (120, 40), (200, 50))
LOOKS = [pytest.param(size, colours, id=f"{size[0]}x{size[1]}-{colours}") for colours in COLOURS for size in SIZES]
"""Every size, with colours first: what has no screen of its own without them looks as it does with them."""


def use(colours: str, patch: pytest.MonkeyPatch) -> None:
    """The environment of a look; the app must be made after it."""
    patch.delenv("NO_COLOR", raising=False)
    if colours == "no-colour":
        patch.setenv("NO_COLOR", "1")


def compare(folder: Path, name: str, shown: str) -> None:
    """Compare with the kept screen of this look; `UPDATE_GOLDENS=1` keeps what is shown."""
    plain = folder / f"{name}.txt"
    own = folder / f"{name}-no-colour.txt" if os.environ.get("NO_COLOR") else plain
    if os.environ.get("UPDATE_GOLDENS"):
        folder.mkdir(exist_ok=True)
        if own != plain and plain.exists() and plain.read_text("utf-8") == shown:
            own.unlink(missing_ok=True)
        else:
            own.write_text(shown, "utf-8")
    assert shown == (own if own.exists() else plain).read_text("utf-8")


async def at_rest(app: App[Any], pilot: Pilot[Any], shown: Callable[[], str]) -> str:
    """What is shown when nothing more comes: views begin what computes a moment after they were painted."""
    before = None
    while (now := shown()) != before:
        before = now
        await pilot.pause(PAINTED)
        await app.workers.wait_for_complete()
        await pilot.pause()
    return now


async def in_both_themes(app: App[Any], pilot: Pilot[Any], shown: Callable[[], str]) -> str:
    """What is shown at rest, which is the same in the light theme."""
    dark = await at_rest(app, pilot, shown)
    if not app.no_color:
        app.theme = "scalelab-light"
        assert await at_rest(app, pilot, shown) == dark
        app.theme = "scalelab-dark"
        await at_rest(app, pilot, shown)
    return dark
