"""Leaving while a view is being made ends without an error, whatever the moment."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from textual import events
from textual.css.query import NoMatches
from textual.widget import Widget
from textual.worker import WorkerFailed

from scalelab.errors import ScalelabError
from scalelab.tui.app import LabApp, Opening
from scalelab.tui.palette import Palette
from scalelab.tui.screens.lab import LabScreen
from scalelab.tui.screens.problem import Problem
from scalelab.tui.screens.start import StartScreen
from scalelab.tui.table import Table
from scalelab.tui.views.runs import RunsView
from tests.tui.screens import settle, until

MOMENTS = range(7)
"""Turns of the event loop in which a view is made: without care, every one of the first five ended the app with 1."""


@pytest.mark.parametrize("closes", [True, False], ids=["the app", "the lab"])
def test_a_view_that_is_being_made_does_not_mind_that_it_is_left(recorded: Path, *, closes: bool) -> None:
    async def leave(turns: int) -> int | None:
        app = LabApp(Opening(lab=recorded))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, LabScreen) and app.screen._made)
            screen = app.screen
            screen.call_later(screen.action_show, "law")
            for _ in range(turns):
                await asyncio.sleep(0)
            if closes:
                app.exit()
            else:
                app.back_to_labs()
                await until(pilot, lambda: isinstance(app.screen, StartScreen))
        return app.return_code

    for turns in MOMENTS:
        assert asyncio.run(leave(turns)) == (0 if closes else None), turns


def test_keys_behind_the_one_that_leaves_do_nothing(recorded: Path) -> None:
    async def leave(turns: int) -> int | None:
        app = LabApp(Opening(lab=recorded))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, LabScreen) and app.screen._made)
            app.exit()
            for _ in range(turns):
                await asyncio.sleep(0)
            for name in ("3", "c", "q", "escape"):
                app.post_message(events.Key(name, name))
            app.post_message(events.Paste("x"))
            await asyncio.sleep(0)
        return app.return_code

    for turns in range(12):
        assert asyncio.run(leave(turns)) == 0, turns


def test_a_palette_that_is_being_made_does_not_mind_that_all_is_left(recorded: Path) -> None:
    async def leave(turns: int) -> int | None:
        app = LabApp(Opening(lab=recorded))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, LabScreen) and app.screen._made)
            app.action_command_palette()
            for _ in range(turns):
                await asyncio.sleep(0)
            app.back_to_labs()
            await until(pilot, lambda: isinstance(app.screen, StartScreen))
            await pilot.pause()
        return app.return_code

    for turns in MOMENTS:
        assert asyncio.run(leave(turns)) is None, turns


def test_a_palette_that_is_closed_under_a_window_goes_after_it_and_not_in_its_place() -> None:
    async def close() -> None:
        app = LabApp()
        async with app.run_test(size=(100, 30)) as pilot:
            app.action_command_palette()
            await until(pilot, lambda: isinstance(app.screen, Palette) and app.screen.is_mounted)
            palette, problem = app.screen, Problem("not done", ScalelabError("no room on the disk"))
            palette.call_later(palette._action_escape)
            app.push_screen(problem)
            await pilot.pause()
            assert app.screen is problem
            problem.action_close()
            await until(pilot, lambda: isinstance(app.screen, StartScreen))

    asyncio.run(close())


async def _looks_in_vain(view: Widget, *, when_left: bool) -> None:
    while when_left and not view._pruning:
        await asyncio.sleep(0)
    view.query_one("#gone")


@pytest.mark.parametrize("left", [True, False], ids=["left", "seen"])
def test_work_that_finds_nothing_ends_the_app_unless_its_view_was_left(*, left: bool) -> None:
    async def work() -> None:
        app = LabApp()
        async with app.run_test(size=(100, 30)) as pilot:
            app.action_command_palette()
            await until(pilot, lambda: app.screen.is_mounted)
            work = app.screen.run_worker(_looks_in_vain(app.screen, when_left=left))
            if left:
                app.pop_screen()
            await until(pilot, lambda: work.is_finished)
            assert isinstance(work.error, NoMatches)

    with contextlib.nullcontext() if left else pytest.raises(WorkerFailed):
        asyncio.run(work())


@pytest.mark.parametrize("left", [True, False], ids=["left", "seen"])
@pytest.mark.parametrize("kind", [RunsView, Table])
def test_what_a_view_puts_off_is_left_undone_once_it_is_left(recorded: Path, kind: type[Widget], *, left: bool) -> None:
    async def put_off() -> None:
        app = LabApp(Opening(lab=recorded))
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: isinstance(app.screen, LabScreen) and app.screen._made)
            view = app.screen.query_one(kind)
            if left:
                app.back_to_labs()
            while left and not view._pruning:
                await asyncio.sleep(0)
            view.call_after_refresh(view.query_one, "#gone")
            await settle(pilot)

    with contextlib.nullcontext() if left else pytest.raises(NoMatches):
        asyncio.run(put_off())
