"""A chart of curves that grow: its axes move seldom, and its cursor and its window stay where they were put."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from textual.pilot import Pilot

from scalelab.figures import Figure
from scalelab.tui.charts import view
from scalelab.tui.charts.chart import Chart
from tests.tui.charts import fixed
from tests.tui.charts.fixed import line, unit
from tests.tui.charts.host import Host, running


def test_the_axes_of_what_grows_stay_while_it_grows_a_little_zoomed_or_not() -> None:
    """A run to twelve times its tokens moves them some two dozen times; none of it is ever beyond them."""
    ends = np.geomspace(1e8, 1.2e9, 400)

    def grown(high: float) -> Figure:
        figure = fixed.loss_curves()
        series = tuple(replace(each, x=each.x * high / figure.series[-1].x[-1]) for each in figure.series)
        return replace(figure, x=replace(figure.x, high=high), series=series, growing=True)

    async def act(app: Host, pilot: Pilot[None]) -> None:
        for zooms in (0, 4):
            await pilot.press(*["plus"] * zooms)
            seen = []
            for high in ends.tolist():
                chart.show(grown(high))
                assert chart.shown is not None
                seen.append(chart.shown.x)
                room = np.log(seen[-1].high / high) / np.log(seen[-1].high / seen[-1].low)
                assert 0.0 <= room <= 1 / 32
            assert len({axis.high for axis in seen}) < (30 if zooms == 0 else 200)
            await pilot.press("0")

    chart = Chart(grown(1e8))
    running(chart, act)


def test_a_zoom_about_the_cursor_keeps_the_value_under_it_where_the_axis_goes_further_than_the_figure() -> None:
    figure = replace(fixed.loss_curves(), growing=True)

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("left", *["shift+left"] * 3)
        first = app.moved[-1].x
        for _ in range(5):
            await pilot.press("plus")
            assert app.moved[-1].x == first
        await pilot.press(*["minus"] * 5)
        assert app.moved[-1].x == first

    chart = Chart(figure)
    running(chart, act)


def growing(length: int, *, log: bool, growing: bool = True) -> Figure:
    """Two runs, the second of which still trains, between axes that end with it."""
    tokens = np.arange(1.0, 10_001.0) * 4096
    loss = 10.0 * tokens**-0.1 + 0.02 * np.sin(np.arange(10_000) * 2.4)
    done, trains = line(tokens[:2000], loss[:2000] + 0.1, name="done"), line(
        tokens[:length], loss[:length], name="trains")  # fmt: skip
    ends = tokens[0], tokens[max(length, 2000) - 1]
    return replace(unit(done, trains), x=fixed.axis(*ends, log=log), y=fixed.axis(1.0, 5.0, log=True), growing=growing)


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("zooms", [0, 3])
def test_a_cursor_goes_on_with_a_run_whose_newest_value_it_stands_on(log: bool, zooms: int) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press(*["plus"] * zooms, "left")
        for length in range(2500, 6000, 70):
            chart.show(growing(length, log=log))
            read = chart.reading()
            assert read is not None and (read.name, read.x) == ("trains", 4096.0 * length)
        chart.show(growing(6000, log=log, growing=False))
        read = chart.reading()
        assert read is not None and read.x == 4096.0 * 6000

    chart = Chart(growing(2500, log=log))
    running(chart, act)


@pytest.mark.parametrize("log", [True, False])
def test_a_cursor_stays_on_its_value_while_the_axis_moves_under_it(log: bool) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("left", *["shift+left"] * 2)
        stood = app.moved[-1].x
        for length in range(2500, 9000, 70):
            chart.show(growing(length, log=log, growing=length < 8900))
            read = chart.reading()
            assert read is not None and (read.name, read.x) == ("trains", stood)

    chart = Chart(growing(2500, log=log))
    running(chart, act)


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("left", [0, 2])
def test_a_cursor_stays_on_its_point_along_another_quantity(log: bool, left: int) -> None:
    """Tokens, then FLOPs, and it goes on growing; a zoom is then about what is read."""

    def along(length: int, each: float, label: str) -> Figure:
        figure = growing(length, log=log)
        series = tuple(replace(one, x=one.x * each) for one in figure.series)
        x = replace(figure.x, label=label, low=figure.x.low * each, high=figure.x.high * each)
        return replace(figure, x=x, series=series)

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("left", *["shift+left"] * left)
        stood, newest = app.moved[-1].x, left == 0
        for length in (2500, 2501, 2600):
            chart.show(along(length, 7e6, "FLOPs"))
            read = chart.reading()
            assert read is not None and read.x == (7e6 * 4096 * length if newest else stood * 7e6)
        await pilot.press("plus")
        read = chart.reading()
        assert read is not None and read.x == (7e6 * 4096 * 2600 if newest else stood * 7e6)
        chart.show(along(2600, 1.0, "tokens"))
        read = chart.reading()
        assert read is not None and read.x == (4096 * 2600 if newest else stood)

    chart = Chart(along(2500, 1.0, "tokens"))
    running(chart, act)


@pytest.mark.parametrize("log", [True, False])
def test_the_cursor_ends_where_the_figure_does_though_the_axis_goes_on(log: bool) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        columns = set()
        for length in range(2500, 2700, 20):
            chart.show(growing(length, log=log))
            await pilot.press("escape", "left", *["shift+right"] * 3)
            assert app.moved[-1].x == 4096.0 * length
            columns.add(chart._cursor[0] if chart._cursor else -1)
        assert max(columns) < chart.size.width - 1

    chart = Chart(growing(2500, log=log))
    running(chart, act)


@pytest.mark.parametrize("log", [True, False])
def test_a_part_of_the_axis_that_stands_still_has_the_same_ends_in_every_frame(log: bool) -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press(*["plus"] * 4, *["h"] * 4)
        seen = set()
        for length in range(2500, 9000, 13):
            chart.show(growing(length, log=log))
            assert chart.shown is not None
            seen.add((chart.shown.x.low, chart.shown.x.high))
        assert len(seen) == 1

    chart = Chart(growing(2500, log=log))
    running(chart, act)


def test_what_is_drawn_beside_the_window_is_within_y_too() -> None:
    """The steps of x make room for points that were not asked for."""
    figure = growing(2500, log=False)
    high = figure.x.high
    span = 0.5 * high, 0.75 * high
    for part in (span, (span[0], high)):
        shown = view.seen(figure, part)
        for series in shown.series:
            inside = (series.x >= shown.x.low) & (series.x <= shown.x.high)
            assert ((series.y[inside] >= shown.y.low) & (series.y[inside] <= shown.y.high)).all()
        assert shown.x.low == part[0]
