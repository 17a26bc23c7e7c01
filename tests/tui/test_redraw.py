"""How much is done again: every cell where others wrote into the terminal, and no rule of style for another view."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pyte
import pytest
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

from tests import pictures
from tests.tui.screens import app, settle


def test_a_key_draws_the_whole_screen_anew() -> None:
    with pictures.app(pictures.Picture(command=("replay", "--at", "60%", "--paused"))) as seen:
        seen.settle("of 20")
        drawn = list(seen.screen.display)
        pyte.Stream(seen.screen).feed("\x1b[3;5HBroadcast message from root\x1b[30;1H\n\n\x1b[12;1H\x1b[2K")
        assert seen.screen.display != drawn
        seen.type("D")
        seen.settle("of 20")
        assert seen.screen.display == drawn


def test_neither_a_change_of_view_nor_another_arrangement_asks_for_styles(
    training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Textual would go through its rules for every part of what the keys leave, and of what they go to."""
    asked: list[int] = []
    apply = Stylesheet.apply

    def counted(self: Stylesheet, node: DOMNode, **options: Any) -> None:
        asked.append(id(node))
        apply(self, node, **options)

    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press(*"34512")
            await settle(pilot)
            monkeypatch.setattr(Stylesheet, "apply", counted)
            await pilot.press(*"345123242")
            await settle(pilot)
            assert not asked
            await pilot.press("z")  # whose arrangement gives the keys to another
            await settle(pilot)
            assert set(asked) <= {id(made.screen.query_one(name)) for name in ("#table", "#chart")}

    asyncio.run(see())
