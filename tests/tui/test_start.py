"""The first screen: labs with state, law and age, presets, and what an empty one says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from scalelab.tui import settings
from scalelab.tui.screens.lab import LabScreen
from scalelab.tui.screens.plan import PlanScreen
from scalelab.tui.screens.start import StartScreen
from tests.tui.screens import app, golden, settle, text, until


def test_nothing_yet_says_what_to_do(nothing: Path) -> None:
    async def see() -> None:
        async with app() as (made, _):
            golden("start-empty", text(made))

    asyncio.run(see())


def test_enter_opens_the_lab_and_b_comes_back(recorded: Path) -> None:
    async def see() -> None:
        async with app() as (made, pilot):
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(made.screen, LabScreen) and made.screen.is_read)
            assert made.screen.root == recorded  # type: ignore[attr-defined]
            await pilot.press("b")
            await until(pilot, lambda: isinstance(made.screen, StartScreen))

    asyncio.run(see())
    assert settings.recent() == [recorded]


def test_a_lab_elsewhere_is_remembered(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.remember(recorded)
    (elsewhere := recorded.parents[1] / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)

    async def see() -> None:
        async with app(size=(120, 40)) as (made, _):
            assert "/labs/tiny  stopped" in text(made)

    asyncio.run(see())


def test_n_plans_the_preset_under_the_cursor(nothing: Path) -> None:
    async def see() -> None:
        async with app() as (made, pilot):
            await pilot.press("j", "n")
            await until(pilot, lambda: isinstance(made.screen, PlanScreen))
            await settle(pilot)
            assert "--preset smoke" in text(made)
            await pilot.press("b")
            await until(pilot, lambda: isinstance(made.screen, StartScreen))

    asyncio.run(see())


def test_what_is_no_store_is_told_in_its_line(nothing: Path) -> None:
    (bad := nothing / "labs" / "odd").mkdir(parents=True)
    (bad / "lab.db").write_bytes(b"no database at all" * 100)

    async def see() -> None:
        async with app(size=(120, 40)) as (made, pilot):
            assert "unreadable" in text(made)
            await pilot.press("enter")
            await until(pilot, lambda: "what happened" in text(made))

    asyncio.run(see())
