"""The chart in a running app: what is refreshed, where the cursor goes, what it says, what zoom shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest
from textual.pilot import Pilot

from scalelab.figures import Figure
from scalelab.tui.charts.chart import CHART_KEYS, Chart
from scalelab.tui.charts.glyphs import GlyphSet
from scalelab.tui.charts.inks import DARK, LIGHT
from tests.tui.charts import fixed
from tests.tui.charts.fixed import dots, line, unit
from tests.tui.charts.host import Host, running, screen


def grown(figure: Figure, points: int) -> Figure:
    """The figure with the last points of its curves left away."""
    return replace(figure, series=tuple(
        replace(each, x=each.x[:-points], y=each.y[:-points], low=None, high=None) for each in figure.series
    ))  # fmt: skip


def test_it_draws_what_the_drawing_is() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        shown = screen(app)
        assert shown.splitlines()[0] == "training loss"
        assert "training tokens D" in shown.splitlines()[-1]
        assert "100.0M" in shown

    running(Chart(fixed.loss_curves()), act)


def test_a_figure_that_is_the_same_refreshes_nothing() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        app.watch_refreshes()
        chart.show(fixed.loss_curves())
        await pilot.pause()
        assert app.refreshed == []
        assert chart.redraw() == []

    chart = Chart(fixed.loss_curves())
    running(chart, act)


def test_a_figure_that_grew_refreshes_its_ends_alone() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        app.watch_refreshes()
        chart.show(fixed_end)
        await pilot.pause()
        assert app.refreshed
        assert sum(region.area for region in app.refreshed) < 80 * 24 // 10
        assert all(region.height == 1 for region in app.refreshed)
        fresh = Chart(fixed_end)
        shown = screen(app)

        async def compare(other: Host, pilot: Pilot[None]) -> None:
            assert screen(other) == shown

        expected.append((fresh, compare))

    expected: list[tuple[Chart, Callable[[Host, Pilot[None]], Awaitable[None]]]] = []
    fixed_end = grown(fixed.loss_curves(), 1)
    chart = Chart(grown(fixed.loss_curves(), 4))
    running(chart, act)
    # What was patched together from spans is what a new chart draws.
    running(*expected[0])


def test_a_frame_of_growing_curves_is_at_most_two_kilobytes() -> None:
    def frame(points: int) -> Figure:
        tokens = np.geomspace(3e6, 1.5e9, 2000)[:points]
        wave = 1 + 0.01 * np.sin(np.arange(points) * 2.4)
        lines = [line(tokens, fixed.law(size, tokens) * wave, colour=place, label=f"{place}M", name=str(place))
                 for place, size in enumerate(np.geomspace(1e6, 1e8, 12))]  # fmt: skip
        return replace(fixed.loss_curves(), series=tuple(lines))

    async def act(app: Host, pilot: Pilot[None]) -> None:
        for points in (1520, 1540, 1560):
            app.written = 0
            chart.show(frame(points))
            await pilot.pause()
            assert 0 < app.written <= 2000

    chart = Chart(frame(1500))
    running(chart, act, (200, 50))


def test_empty_it_says_what_to_do_and_draws_when_there_is_something() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        assert "No runs yet: press s to start." in screen(app)
        await pilot.press("right", "plus", "h")
        chart.show(fixed.loss_curves())
        await pilot.pause()
        assert "No runs yet" not in screen(app)
        assert "100.0M" in screen(app)
        chart.show(None)
        chart.empty = "All runs were filtered out."
        await pilot.pause()
        assert "All runs were filtered out." in screen(app)

    chart = Chart(None, empty="No runs yet: press s to start.")
    running(chart, act)


def test_the_cursor_begins_at_the_newest_value_and_reads_it() -> None:
    figure = fixed.loss_curves()

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("left")
        last = figure.series[-1]
        assert (app.moved[-1].name, app.moved[-1].x, app.moved[-1].y) == ("run-4", last.x[-1], last.y[-1])
        assert screen(app).splitlines()[0] == f"run-4 · training tokens D 1.5B · loss {last.y[-1]:.4g}"
        await pilot.press("escape")
        assert app.moved[-1].name == ""
        assert np.isnan(app.moved[-1].x)
        assert screen(app).splitlines()[0] == "training loss"

    running(Chart(figure), act)


def test_left_and_right_follow_a_line_and_up_and_down_change_it() -> None:
    figure = fixed.loss_curves()

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("left", *["shift+left"] * 3)
        assert app.moved[-1].name == "run-4"
        at = figure.series[-1]
        nearest = int(np.argmin(np.abs(at.x - app.moved[-1].x)))
        assert app.moved[-1].y == at.y[nearest]
        await pilot.press("up")
        assert app.moved[-1].name == "run-3"
        await pilot.press("up", "up", "up", "up", "up")
        assert app.moved[-1].name == "run-0"
        await pilot.press("down")
        assert app.moved[-1].name == "run-1"

    running(Chart(figure), act)


def test_a_reading_of_dots_names_the_run() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("left")
        assert (app.moved[-1].name, app.moved[-1].point, app.moved[-1].x) == ("small", "second", 0.9)
        await pilot.press("shift+left", "shift+left", "shift+left", "shift+left")
        assert app.moved[-1].point == "first"

    running(Chart(unit(dots([0.2, 0.9], [0.8, 0.4], points=("first", "second"), name="small"))), act)


def test_zoom_narrows_x_fits_y_and_comes_back() -> None:
    figure = fixed.loss_curves()

    async def act(app: Host, pilot: Pilot[None]) -> None:
        whole = screen(app)
        await pilot.press("plus", "plus")
        low, high = app.moved[-1].low, app.moved[-1].high
        assert high == pytest.approx(1.6e9)
        assert np.log(high / low) == pytest.approx(np.log(1.6e9 / 3e6) / 4)
        assert chart.shown is not None
        assert chart.shown.y.high < figure.y.high
        await pilot.press("h")
        assert app.moved[-1].high < 1.6e9
        await pilot.press(*["l"] * 9)
        assert app.moved[-1].high == pytest.approx(1.6e9)
        await pilot.press("minus")
        assert np.log(app.moved[-1].high / app.moved[-1].low) == pytest.approx(np.log(1.6e9 / 3e6) / 2)
        await pilot.press("0")
        assert screen(app) == whole
        await pilot.press(*["plus"] * 30, *["minus"] * 40)
        assert screen(app) == whole

    chart = Chart(figure)
    running(chart, act)


def test_zoomed_to_the_end_it_follows_a_growing_axis_and_elsewhere_it_stays() -> None:
    figure = fixed.loss_curves()
    longer = replace(figure, x=replace(figure.x, high=3.2e9))

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("plus")
        low = app.moved[-1].low
        chart.show(longer)
        assert chart.shown is not None
        assert (chart.shown.x.low, chart.shown.x.high) == (pytest.approx(low), pytest.approx(3.2e9))
        await pilot.press("plus", *["h"] * 4)
        kept = chart.shown.x
        chart.show(figure)
        assert (chart.shown.x.low, chart.shown.x.high) == (pytest.approx(kept.low), pytest.approx(kept.high))

    chart = Chart(figure)
    running(chart, act)


def test_it_survives_any_resizing_with_its_cursor() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("left")
        for size in ((50, 24), (10, 4), (1, 1), (200, 50), (18, 6), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.press("left", "up", "plus", "0")
            assert all(len(row) <= size[0] for row in screen(app).splitlines())
        assert "100.0M" in screen(app)

    running(Chart(fixed.loss_curves()), act)


def test_no_color_of_the_app_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def act(app: Host, pilot: Pilot[None]) -> None:
        assert not chart.colour
        assert "•" in screen(app)
        await pilot.press("left")

    chart = Chart(fixed.against_compute())
    running(chart, act)


def test_glyphs_and_colour_can_be_changed_while_it_runs() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        chart.glyphs = GlyphSet.ASCII
        await pilot.pause()
        assert screen(app).isascii()
        chart.colour = False
        await pilot.pause()
        assert "+" in screen(app)

    chart = Chart(fixed.against_compute())
    running(chart, act)


def test_a_light_theme_has_its_own_inks() -> None:
    def inks(app: Host) -> set[int]:
        rows = app.widget._cells
        assert rows is not None
        return set(rows.inks.ravel().tolist())

    async def act(app: Host, pilot: Pilot[None]) -> None:
        assert DARK.red in inks(app)
        app.theme = "textual-light"
        await pilot.pause()
        assert LIGHT.red in inks(app)
        assert DARK.red not in inks(app)

    running(Chart(fixed.against_compute()), act)


def test_names_from_outside_steer_no_terminal() -> None:
    evil = "\x1b[31m\u202e\x07evil"

    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("left")
        assert "\x1b" not in screen(app)
        assert "\u202e" not in screen(app)

    running(Chart(unit(line([0, 1], [0.2, 0.8], name=evil, label=evil))), act)


def test_every_key_of_the_table_is_bound_and_needs_no_ctrl() -> None:
    assert {action.partition("(")[0] for _, action, _ in CHART_KEYS} <= {
        name.removeprefix("action_") for name in dir(Chart) if name.startswith("action_")
    }
    assert not any("ctrl" in key for key, _, _ in CHART_KEYS)
