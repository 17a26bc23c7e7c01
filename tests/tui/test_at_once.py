"""Keys faster than any screen: each acts where the one before it has led, and none is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.keys import key_to_character
from textual.pilot import Pilot

from scalelab.tui.app import LabApp
from scalelab.tui.screens.confirm import Confirm
from scalelab.tui.screens.plan import PlanScreen
from scalelab.tui.table import Table
from scalelab.tui.views import NAMES
from scalelab.tui.views.law import LawView
from scalelab.tui.views.page import Page
from scalelab.tui.views.runs import RunsView
from scalelab.tui.views.sheet import Sheet
from tests.tui.screens import app, settle, until


async def burst(made: LabApp, pilot: Pilot[Any], *names: str) -> None:
    """All these keys before the app has looked at the first."""
    for name in names:
        made.post_message(events.Key(name, key_to_character(name)))
    for _ in range(3):
        await settle(pilot)
        await made.workers.wait_for_complete()
    await settle(pilot)


@pytest.mark.parametrize("again", [False, True])
def test_a_key_after_a_digit_reaches_the_new_view(training: Path, again: bool) -> None:
    """Whether the view is made now or was there before; j in the runs' table stays where it is."""

    async def see() -> None:
        async with app(training, size=(80, 24)) as (made, pilot):
            if again:
                await pilot.press(*"3452")
                await settle(pilot)
            table = made.screen.query_one(Table)
            before = table.cursor
            await burst(made, pilot, "3", "j", "j")
            await until(pilot, lambda: made.screen.query_one(Page).scroll_offset.y == 2)
            assert table.cursor == before
            await burst(made, pilot, "v", "2", "j", "3")
            assert made.screen.query_one(LawView).pane == "loss"
            assert table.cursor != before

    asyncio.run(see())


def test_digits_in_a_row_end_in_the_last_view(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await burst(made, pilot, "3", "4", "5", "1", "3", "2", "4")
            assert made.screen.view == NAMES[3]  # type: ignore[attr-defined]
            assert made.focused is not None
            assert made.screen.query_one(f"#{NAMES[3]}") in made.focused.ancestors

    asyncio.run(see())


def test_letters_behind_a_slash_are_a_filter_and_no_keys(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await burst(made, pilot, "slash", "f", "a", "i", "l", "enter", "v")
            view = made.screen.query_one(RunsView)
            assert view._letters == "fail"
            assert len(view._table.keys) == 1
            assert view._log == view._table.cursor  # v came after the filter had ended
            assert made.is_running

    asyncio.run(see())


def test_what_is_typed_behind_enter_goes_into_the_field(nothing: Path) -> None:
    async def see() -> None:
        async with app(preset="tiny") as (made, pilot):
            await until(pilot, lambda: isinstance(made.screen, PlanScreen))
            await settle(pilot)
            made.screen.query_one(Sheet).go("seeds")
            await settle(pilot)
            await burst(made, pilot, "enter", "backspace", "q", "7", "backspace", "backspace", "7", "enter", "j")
            field = {field.key: field.value for field in made.screen.query_one(Sheet).fields}
            assert field["seeds"] == "7"
            assert isinstance(made.screen, PlanScreen)
            assert made.screen.query_one(Sheet).field.key == "save"  # type: ignore[union-attr]

    asyncio.run(see())


def test_a_field_that_a_choice_brings_is_there_for_the_next_key(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await pilot.press("5")
            await settle(pilot)
            await burst(made, pilot, "l", "j", "l", "j", "enter", "2", "enter")
            field = {field.label: field.value for field in made.screen.query_one(Sheet).fields}
            assert (field["ask for"], field["budget of"], field["amount"][-1]) == ("best split", "time", "2")

    asyncio.run(see())


def test_a_question_is_answered_by_keys_that_were_faster_than_it(training: Path) -> None:
    async def see() -> None:
        async with app(training) as (made, pilot):
            await burst(made, pilot, "S", "j", "k", "j", "escape", "3", "j")
            assert not isinstance(made.screen, Confirm)
            assert made.screen.view == "law"  # type: ignore[attr-defined]
            await until(pilot, lambda: made.screen.query_one(Page).scroll_offset.y == 1)

    asyncio.run(see())


def test_a_view_before_the_first_one_is_there(training: Path) -> None:
    """The first view comes a moment after the first paint; a digit pressed before it is heard."""

    async def see() -> None:
        made = LabApp()
        async with made.run_test(size=(80, 24)) as pilot:
            made.open_lab(training)
            made.post_message(events.Key("4", "4"))
            await until(pilot, lambda: getattr(made.screen, "snapshot", None) is not None)
            await settle(pilot)
            assert made.screen.view == "surface"  # type: ignore[attr-defined]

    asyncio.run(see())
