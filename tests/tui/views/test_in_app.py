"""The views inside the app, over a recorded lab: keys, what is copied, what is never loaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scalelab.tui import keys
from scalelab.tui.charts.chart import Chart
from scalelab.tui.screens.plan import PlanScreen
from scalelab.tui.views import make
from scalelab.tui.views.plan import PlanView
from scalelab.tui.views.sheet import Sheet
from scalelab.tui.views.surface import ReadMap
from tests.tui.screens import app, text, until
from tests.tui.views.host import piloted, settle

MINE = ("plan", "law", "surface", "predict")


@pytest.mark.parametrize("name", MINE)
def test_every_key_has_its_action_and_none_needs_ctrl(name: str) -> None:
    view = make(name)
    listed = keys.of(name)
    assert listed
    for key in listed:
        assert hasattr(view, f"action_{key.action.partition('(')[0]}"), key.id
        assert "ctrl" not in key.keys


@piloted
async def test_all_views_of_a_recorded_lab(recorded: Path) -> None:
    async with app(recorded) as (made, pilot):
        for digit, sign in (("3", "The law: "), ("4", "loss by "), ("5", "What to ask"), ("1", "This lab's plan")):
            await pilot.press(digit)
            await settle(pilot)
            assert sign in text(made), digit
        await pilot.press("n")
        await settle(pilot)
        assert made.screen.query_one(Sheet).display


@piloted
async def test_what_is_typed_into_a_field_is_no_key_of_the_app(nothing: Path) -> None:
    async with app(preset="tiny") as (made, pilot):
        await until(pilot, lambda: isinstance(made.screen, PlanScreen))
        await settle(pilot)
        sheet = made.screen.query_one(Sheet)
        sheet.go("corpus.source")
        await pilot.press("enter", *["backspace"] * 4, "q", "1", "b", "s", "question_mark", "enter")
        await settle(pilot)
        assert isinstance(made.screen, PlanScreen)
        assert "--set 'corpus.source=q1bs?'" in made.screen.query_one(PlanView).command
        assert made.screen.copied() == made.screen.query_one(PlanView).command
        await pilot.press("enter", "x", "escape")
        await settle(pilot)
        assert isinstance(made.screen, PlanScreen)
        await pilot.press("escape")
        await settle(pilot)
        assert not isinstance(made.screen, PlanScreen)


@piloted
async def test_glyphs_are_those_of_the_app(recorded: Path) -> None:
    async with app(recorded) as (made, pilot):
        await pilot.press("4")
        await settle(pilot)
        await pilot.press("B", "B")
        await settle(pilot)
        assert made.screen.query_one(ReadMap).glyphs == "ascii"
        await pilot.press("3", "v")
        await settle(pilot)
        assert {chart.glyphs for chart in made.screen.query("LawView Chart").results(Chart)} == {"ascii"}
        assert not any("⠀" < sign < "⣿" for sign in text(made))


def test_the_views_load_no_trainer_and_no_fitter(recorded: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from scalelab.tui.app import LabApp, Opening
async def look():
    app = LabApp(Opening(lab=Path({str(recorded)!r})))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.5)
        for key in "345" + "lllljjv" + "1":
            await pilot.press(key)
            await pilot.pause()
            await app.workers.wait_for_complete()
            await pilot.pause()
        await pilot.press("n")
        await pilot.pause()
        await app.workers.wait_for_complete()
asyncio.run(look())
heavy = ("torch", "transformers", "datasets", "scipy", "plotext", "matplotlib", "sklearn")
print(sorted(name for name in sys.modules if name in heavy))
"""
    root = Path(__file__).parents[3]
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, cwd=root
    )
    assert said.stdout.strip() == "[]", said.stderr[-2000:]
