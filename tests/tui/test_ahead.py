"""What is made before anybody looks at it: the first sight of a law is not waited for, and nothing is begun besides."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from scalelab.figures import Along
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from scalelab.tui.app import LabApp
from scalelab.tui.charts.chart import Chart
from scalelab.tui.charts.memory import Memory
from scalelab.tui.views import NAMES, ahead, predict
from scalelab.tui.views.runs import RunsView
from scalelab.tui.views.surface import ReadMap
from tests.tui.screens import app, settle, until


async def at_rest(made: LabApp, pilot: Pilot[Any]) -> None:
    """Until every view is made and what they draw ahead is there."""
    await until(pilot, lambda: len(made.screen.query("#views > *")) == len(NAMES))
    for _ in range(3):
        await made.workers.wait_for_complete()
        await settle(pilot)


def figures(made: LabApp) -> list[str]:
    """The charts and maps that have something to draw."""
    charts = [str(each.id) for each in made.screen.query(Chart) if each.figure is not None]
    return charts + [str(each.id) for each in made.screen.query(ReadMap) if each.surface is not None]


@pytest.mark.parametrize(("size", "drawn"), [
    ((120, 40), ["chart", "law-loss", "law-misses", "surface-map"]), ((80, 24), ["chart", "surface-map"]),
])  # fmt: skip
def test_a_law_is_drawn_before_it_is_looked_at_and_no_process_is_begun(
    recorded: Path, size: tuple[int, int], drawn: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(predict, "link_of", lambda *what: (asked.append(what), (None, ""))[1])

    async def see() -> None:
        async with app(recorded, size=size) as (made, pilot):
            await at_rest(made, pilot)
            assert figures(made) == drawn and made.screen.view == "runs" and not asked  # type: ignore[attr-defined]
            await pilot.press("5")
            await at_rest(made, pilot)
            assert len(asked) == 1

    asyncio.run(see())


def test_the_first_law_of_a_lab_that_is_looked_at_from_its_beginning_is_drawn_too(training: Path) -> None:
    with Reader(training / "lab.db") as reader:
        fit = reader.latest_fit()
    assert fit is not None
    with closing(sqlite3.connect(training / "lab.db")) as store, store:
        store.execute("PRAGMA foreign_keys = OFF")
        store.execute("DELETE FROM prediction")
        store.execute("DELETE FROM fit")

    async def see() -> None:
        async with app(training) as (made, pilot):
            await at_rest(made, pilot)
            assert figures(made) == ["chart"]
            with Writer(training / "lab.db") as writer:
                writer.add_fit(fit.json, fit.after_run)
            await until(pilot, lambda: made.screen.snapshot.assessment is not None)  # type: ignore[attr-defined]
            await at_rest(made, pilot)
            assert figures(made) == ["chart", "surface-map"]

    asyncio.run(see())


@pytest.mark.parametrize("many", [True, False])
def test_another_axis_of_a_large_lab_is_there_before_its_key(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, many: bool
) -> None:
    """Its lines are made a few at a time; of a small lab nothing is made before it is asked for."""
    rastered: list[int] = []
    real = Memory._rastered
    monkeypatch.setattr(Memory, "_rastered", lambda self, lines, *rest: (rastered.append(len(lines)),
                                                                         real(self, lines, *rest))[1])  # fmt: skip
    monkeypatch.setattr(ahead, "LINES", 4)
    if many:
        monkeypatch.setattr(ahead, "MANY", 0)

    async def see() -> None:
        async with app(recorded, size=(120, 40)) as (made, pilot):
            runs = made.screen.query_one(RunsView)
            curves = len(runs._chart.figure.series) if runs._chart.figure else 0
            assert curves > 8
            for _ in range(2):  # and again where it has another size
                await pilot.pause(ahead.REST)
                if many:
                    await until(pilot, lambda: next(runs._ahead._parts, "all") == "all")
                    assert all(lines in {4, curves % 4, curves} for lines in rastered)
                rastered.clear()
                for _ in Along:
                    await pilot.press("x")
                    await settle(pilot)
                assert sum(rastered) == (0 if many else 3 * curves)
                await pilot.press("z")
                await settle(pilot)

    asyncio.run(see())
