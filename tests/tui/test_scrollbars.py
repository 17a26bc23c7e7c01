"""Scrollbars under ASCII: whole cells, the thumb where the page stands."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some

from scalelab.tui.scrollbars import THUMB, TRACK, PlainBar
from scalelab.tui.settings import Settings
from tests.tui.screens import app, settle, text


@given(some.integers(1, 80), some.integers(1, 5000), some.integers(0, 5000))
def test_the_thumb_stands_where_the_page_does(size: int, more: int, position: int) -> None:
    virtual = size + more
    position = min(position, more)
    drawn = PlainBar.render_bar(size=size, virtual_size=virtual, window_size=size, position=position)
    bar = "".join(segment.text for segment in drawn.segments)
    assert len(bar) == size
    assert set(bar) <= {THUMB, TRACK}
    thumb = bar.strip(TRACK)
    assert thumb == THUMB * len(thumb) != ""
    assert (bar.startswith(THUMB)) >= (position == 0)
    assert (bar.endswith(THUMB)) >= (position == more)


def test_a_page_that_needs_none_has_a_track_alone() -> None:
    assert {segment.text for segment in PlainBar.render_bar(size=5, virtual_size=5, window_size=5).segments} == {TRACK}


def test_the_screen_is_ascii_but_for_greek(training: Path) -> None:
    async def see() -> None:
        async with app(training, chosen=Settings(glyphs="ascii")) as (made, pilot):
            for key in ("3", "j", "G"):
                await pilot.press(key)
                await settle(pilot)
                await made.workers.wait_for_complete()
                await settle(pilot)
                assert not {sign for sign in text(made) if "─" <= sign <= "▟" or "⠀" <= sign <= "⣿"}
                assert f"{THUMB}\n" in text(made)
            await pilot.press("B")  # back to braille, for whoever comes after
            await settle(pilot)

    asyncio.run(see())
