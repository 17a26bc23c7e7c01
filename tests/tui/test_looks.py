"""Every screen of the app at every size, in dark and light and without colours, as text that a person can read."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from scalelab.lab import control
from scalelab.records import RunState, Usage
from scalelab.replay.player import Replay
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from scalelab.tui.app import LabApp, Opening
from scalelab.tui.screens.grow import GrowScreen
from scalelab.tui.screens.text import TextScreen
from scalelab.tui.table import Table
from scalelab.tui.views import predict
from tests.tui.conftest import FAILED
from tests.tui.looks import LOOKS, use
from tests.tui.screens import NOW, app, kept, same, text, until
from tests.tui.test_text_screen import wrote

Size = tuple[int, int]
RUNS = (("usage", ""), ("chart", "z"), ("table", "z"), ("focused", ("z", "enter")), ("pinned", "pjp"))
"""What the view of runs can be made to show, and by which keys."""
pytestmark = pytest.mark.parametrize(("size", "colours"), LOOKS)


def test_runs_while_they_train(training: Path, size: Size, colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(colours, monkeypatch)
    used = [
        Usage(slot=slot, device="cpu", time=NOW - 5.0, memory_used=3 * 10**8, memory_total=8 * 10**9, utilisation=busy)
        for slot, busy in ((0, 1.0), (1, 0.9))
    ]

    async def see() -> None:
        async with app(training, size=size) as (made, pilot):
            await kept(made, pilot, "runs")
            with Writer(training / "lab.db") as writer:
                writer.write(used)
            await until(pilot, lambda: "cpu 95 % busy" in text(made))
            for name, keys in RUNS:
                await pilot.press(*keys)
                await same(made, pilot, f"runs-{name}")
            await pilot.press("u")
            made.screen.query_one(Table).go(FAILED)
            await pilot.press("v")
            await same(made, pilot, "runs-log")

    asyncio.run(see())


def test_windows(training: Path, size: Size, colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(colours, monkeypatch)

    async def see() -> None:
        async with app(training, size=size) as (made, pilot):
            await pilot.press("S")
            assert "save and stop" in await kept(made, pilot, "stop")
            await pilot.press("escape", "question_mark")
            assert "keys" in await kept(made, pilot, "help")

    asyncio.run(see())


def test_growing_and_texts(recorded: Path, size: Size, colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(colours, monkeypatch)
    monkeypatch.setattr(control, "Scribe", wrote([]))
    with Reader(recorded / "lab.db") as reader:
        for row in reader.runs():
            if row.state is RunState.DONE:
                (recorded / "runs" / row.run / "model").mkdir(parents=True)

    async def see() -> None:
        async with app(recorded, size=size) as (made, pilot):
            await pilot.press("E")
            await until(pilot, lambda: isinstance(made.screen, GrowScreen))
            await pilot.press("l", "j", "l")
            assert "more points" in await kept(made, pilot, "grow")
            await pilot.press("escape", "5", "t")
            await until(pilot, lambda: isinstance(made.screen, TextScreen))
            await pilot.press("s")
            await until(pilot, lambda: text(made).count("union of") == 1 and "not written" in text(made))
            await kept(made, pilot, "text")

    asyncio.run(see())


def test_the_first_screen(recorded: Path, size: Size, colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(colours, monkeypatch)

    async def see() -> None:
        async with app(size=size) as (made, pilot):
            await kept(made, pilot, "start")

    asyncio.run(see())


def test_groups(grouped: Path, size: Size, colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(colours, monkeypatch)

    async def see() -> None:
        async with app(grouped, size=size) as (made, pilot):
            await same(made, pilot, "groups-runs")
            await pilot.press("f", "3")
            await until(pilot, lambda: "both · noisy" in text(made) and "The law: " in text(made))
            assert "The law: " in await kept(made, pilot, "groups-law")

    asyncio.run(see())


def test_runs_of_elsewhere(imported: Path, size: Size, colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(colours, monkeypatch)
    monkeypatch.setattr(predict, "link_of", lambda *_: (None, ""))

    async def see() -> None:
        async with app(imported, size=size) as (made, pilot):
            assert "without their curves" in " ".join((await kept(made, pilot, "imported-runs")).split())
            for key, name in (("1", "plan"), ("3", "law"), ("4", "surface"), ("5", "predict")):
                await pilot.press(key)
                await same(made, pilot, f"imported-{name}")

    asyncio.run(see())


def test_a_replay(recorded: Path, size: Size, colours: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recording that ships, standing still at three quarters."""
    use(colours, monkeypatch)
    monkeypatch.setattr(predict, "link_of", lambda *_: (None, ""))

    async def see() -> None:
        made = LabApp(Opening(replay=Replay(share=0.75, paused=True)), now=lambda: NOW)
        async with made.run_test(size=size) as pilot:
            await until(pilot, lambda: getattr(made.screen, "snapshot", None) is not None)
            await until(pilot, lambda: "replay paused" in text(made) or size[0] < 80)
            await kept(made, pilot, "replay-runs")
            for key, name in (("3", "law"), ("4", "surface"), ("5", "predict")):
                await pilot.press(key)
                await same(made, pilot, f"replay-{name}")

    asyncio.run(see())
