"""A new plan is typed, left and come back to by keys of the app; leaving the app says what was not started."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from scalelab import preset_files
from scalelab.tui.app import LabApp
from scalelab.tui.screens.lab import LabScreen
from scalelab.tui.screens.plan import PlanScreen
from scalelab.tui.screens.start import StartScreen
from scalelab.tui.views import plan
from scalelab.tui.views.plan import PlanView
from scalelab.tui.views.sheet import Sheet
from tests.tui.screens import app, text, until
from tests.tui.views.host import piloted, settle


async def planning(made: LabApp, pilot: Pilot[Any]) -> Sheet:
    """The form of a new plan."""
    await until(pilot, lambda: isinstance(made.screen, PlanScreen) and made.screen.is_mounted)
    await until(pilot, lambda: "points" in text(made) or "as you left it" in text(made))
    return made.screen.query_one(Sheet)


def command(made: LabApp) -> str:
    return made.screen.query_one(PlanView).command


@piloted
async def test_budgets_said_per_n_are_typed_from_nothing(nothing: Path) -> None:
    async with app(preset="smoke") as (made, pilot):
        sheet = await planning(made, pilot)
        sheet.go("budgets")
        await settle(pilot)
        await pilot.press("l", "j", "enter", "ctrl+u")
        await settle(pilot)
        assert sheet.editing and sheet.field is not None and sheet.field.key == "budgets.tokens_per_param"
        await pilot.press("2", "0", "enter")
        await settle(pilot)
        assert "--set budgets.tokens_per_param=20 " in command(made)


@pytest.mark.parametrize("left", ["b", "escape"])
@piloted
async def test_a_new_plan_that_is_left_is_come_back_to(left: str, nothing: Path) -> None:
    async with app() as (made, pilot):
        await pilot.press("enter")
        sheet = await planning(made, pilot)
        sheet.go("seeds")
        await settle(pilot)
        await pilot.press("enter", "ctrl+u", "5", "enter", left)
        await until(pilot, lambda: isinstance(made.screen, StartScreen))
        await until(pilot, lambda: "(edited)" in text(made))
        await pilot.press("enter")
        await planning(made, pilot)
        await settle(pilot)
        assert "--set seeds=5" in command(made) and "as you left it; r at the preset" in text(made)
        await pilot.press("g", "r")
        await settle(pilot)
        assert "--set" not in command(made)
        await pilot.press(left)
        await until(pilot, lambda: isinstance(made.screen, StartScreen))
        await until(pilot, lambda: "(edited)" not in text(made))


@piloted
async def test_a_labs_new_plan_is_kept_through_its_own_plan_and_the_list(recorded: Path) -> None:
    (recorded / "preset.toml").write_text(preset_files.dumps(preset_files.load("tiny")))
    async with app(recorded) as (made, pilot):
        await pilot.press("1", "n")
        await settle(pilot)
        made.screen.query_one(Sheet).go("seeds")
        await pilot.press("enter", "ctrl+u", "5", "enter", "n", "n")
        await settle(pilot)
        assert "--set seeds=5" in command(made)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(made.screen, StartScreen))
        made.open_lab(recorded)
        await until(pilot, lambda: isinstance(made.screen, LabScreen) and made.screen.is_read)
        await pilot.press("1", "n")
        await settle(pilot)
        assert "--set seeds=5" in command(made)


@piloted
async def test_leaving_the_app_says_what_was_edited_and_not_started(nothing: Path) -> None:
    async with app(preset="tiny") as (made, pilot):
        sheet = await planning(made, pilot)
        sheet.go("seeds")
        await settle(pilot)
        await pilot.press("enter", "ctrl+u", "5", "enter", "q")
        await until(pilot, lambda: made._exit)
    assert made.return_value == "a plan that was not started: scalelab run --preset tiny --set seeds=5"


@piloted
async def test_what_was_not_edited_needs_no_words(nothing: Path) -> None:
    async with app(preset="tiny") as (made, pilot):
        await planning(made, pilot)
        await pilot.press("j", "q")
        await until(pilot, lambda: made._exit)
    assert not made.return_value


@piloted
async def test_escape_in_the_name_of_a_preset_saves_nothing(nothing: Path) -> None:
    async with app(preset="tiny") as (made, pilot):
        sheet = await planning(made, pilot)
        sheet.go("seeds")
        await pilot.press("enter", "x", "enter", "w", "m", "enter")
        await settle(pilot)
        assert "no preset yet" in text(made)
        sheet.go("seeds")
        await pilot.press("r", "w", "escape")
        await settle(pilot)
        assert not Path("m.toml").exists() and "no preset yet" not in text(made)
        await pilot.press("w", "enter")
        await settle(pilot)
        assert Path("m.toml").exists() and "saved as m.toml" in text(made)


@piloted
async def test_the_way_of_saying_sizes_says_why_it_stays(nothing: Path) -> None:
    async with app(preset="tiny") as (made, pilot):
        sheet = await planning(made, pilot)
        sheet.go("ladder.shapes[1]")
        await pilot.press("enter", "y", "enter")
        sheet.go("ladder")
        await pilot.press("l")
        await settle(pilot)
        assert "cannot say the sizes as targets for N without a plan: ladder.shapes[1]" in " ".join(text(made).split())


@piloted
async def test_what_could_not_be_done_without_devices_is_not_said_any_more_when_they_are_there(
    nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = threading.Event()
    found = plan.find_devices()
    monkeypatch.setattr(plan, "find_devices", lambda: wait.wait(30) and found)
    async with app(preset="tiny") as (made, pilot):
        await pilot.press("s")
        await until(pilot, lambda: "cannot start" in text(made))
        wait.set()
        await until(pilot, lambda: "20 points" in text(made))
