"""The surface: bands where the loss is, contours with whole values, a cursor that reads N and D, goldens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from textual.pilot import Pilot

from scalelab.figures import Surface
from scalelab.tui.charts import terrain
from scalelab.tui.charts.drawing import Look
from scalelab.tui.charts.glyphs import GlyphSet
from scalelab.tui.charts.inks import DARK, PLAIN
from scalelab.tui.charts.map import MAP_KEYS, SurfaceMap
from tests.tui.charts import fixed
from tests.tui.charts.host import Host, running, screen
from tests.tui.charts.test_drawing import SIZES, shown, sound


@pytest.mark.parametrize("glyphs", GlyphSet)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_goldens(glyphs: GlyphSet, width: int, height: int) -> None:
    for coloured in (True, False):
        drawing = terrain.draw(fixed.landscape(), width, height, Look(glyphs=glyphs, coloured=coloured))
        ink = "" if coloured else "-no-colour"
        fixed.hold(f"surface-{width}x{height}-{glyphs}{ink}", drawing.cells.text())


def test_each_cell_has_the_colour_of_its_band() -> None:
    surface = fixed.landscape()
    drawing = terrain.draw(surface, 100, 30, Look())
    area = drawing.area
    assert area is not None
    for row, column in ((0, 0), (10, 20), (area.rows - 1, 3), (4, area.columns - 1)):
        across, up = float(area.share_across(column)), float(area.share_up(row))
        loss = float(fixed.law(1e6 * 1e3**across, 1e7 * 1e4**up))
        band = sum(loss < level for level in surface.levels)
        assert drawing.cells.papers[area.top + row, area.left + column] == DARK.band(band, 9)


def test_the_loss_between_grid_points_is_the_laws() -> None:
    surface = fixed.landscape()
    for across, up in ((0.0, 0.0), (1.0, 1.0), (0.333, 0.777), (0.5, 0.1)):
        expected = float(fixed.law(1e6 * 1e3**across, 1e7 * 1e4**up))
        assert terrain.loss_at(surface, across, up) == pytest.approx(expected, rel=2e-3)
    assert terrain.loss_at(surface, 0.0, 0.0) == pytest.approx(float(surface.loss[0, 0]))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_contour_has_its_whole_value_on_it(width: int, height: int) -> None:
    surface = fixed.landscape()
    drawing = terrain.draw(surface, width, height, Look())
    area = drawing.area
    assert area is not None
    inner = shown(drawing)
    found = 0
    for level in surface.levels:
        for row, text in enumerate(inner):
            at = text.find(f"{level:.4g}")
            if at >= 0:
                found += 1
                near = [terrain.loss_at(surface, float(area.share_across(at + step)), float(area.share_up(row + down)))
                        for step in range(4) for down in (-1, 0, 1)]  # fmt: skip
                assert min(near) <= level <= max(near)
    assert found >= len(surface.levels) - (1 if width < 80 else 0)


def test_no_value_hides_a_run() -> None:
    for width, height in SIZES:
        drawing = terrain.draw(fixed.landscape(), width, height, Look())
        assert drawing.cells.text().count("●") == 8


def test_without_colour_a_contour_is_its_letter_and_the_key_says_which() -> None:
    text = terrain.draw(fixed.landscape(), 80, 24, Look(coloured=False)).cells.text()
    assert "a 8.45" in text
    assert "h 2.79" in text
    assert "dddd" in text
    cells = terrain.draw(fixed.landscape(), 80, 24, Look(coloured=False)).cells
    assert set(cells.papers.ravel().tolist()) == {PLAIN} == set(cells.inks.ravel().tolist())


def test_ascii_is_ascii() -> None:
    for coloured in (True, False):
        look = Look(glyphs=GlyphSet.ASCII, coloured=coloured)
        assert terrain.draw(fixed.landscape(), 80, 24, look).cells.text().isascii()


def test_a_contour_is_one_dot_thin() -> None:
    loss = np.add.outer(np.arange(20.0)[::-1], np.zeros(30))
    found = terrain.contours_of((loss < 9.5).astype(int), loss)
    assert found.lit.sum(axis=0).tolist() == [1] * 29 + [0]


anything = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=80, deadline=None)
@given(loss=arrays(float, (5, 6), elements=anything), levels=st.lists(anything, max_size=5), width=st.integers(10, 90),
       height=st.integers(4, 30), glyphs=st.sampled_from(GlyphSet), coloured=st.booleans())  # fmt: skip
def test_any_loss_in_any_size(
    loss: np.ndarray, levels: list[float], width: int, height: int, glyphs: GlyphSet, coloured: bool
) -> None:
    grid = {"n_params": np.geomspace(1e6, 1e9, 6), "n_tokens": np.geomspace(1e7, 1e11, 5)}
    surface = replace(fixed.landscape(), loss=loss, levels=tuple(levels), **grid)
    drawing = terrain.draw(surface, width, height, Look(glyphs=glyphs, coloured=coloured), "nothing yet")
    sound(drawing.cells, width, height)


def test_the_cursor_reads_n_d_and_the_loss_under_it() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        assert seen.point is None
        await pilot.press("l")
        first = app.moved[-1]
        assert first.n_params == pytest.approx(10**7.5, rel=0.1)
        assert first.loss == pytest.approx(float(fixed.law(first.n_params, first.n_tokens)), rel=2e-3)
        await pilot.press("l", "k")
        assert app.moved[-1].n_params > first.n_params
        assert app.moved[-1].n_tokens > first.n_tokens
        assert app.moved[-1].loss < first.loss
        await pilot.press(*["L"] * 20, *["K"] * 10)
        assert seen.point == (pytest.approx(1e9, rel=0.05), pytest.approx(1e11, rel=0.2))
        await pilot.press(*["left"] * 100, *["down"] * 40)
        assert seen.point == (pytest.approx(1e6, rel=0.05), pytest.approx(1e7, rel=0.3))
        await pilot.press("escape")
        assert seen.point is None
        assert np.isnan(app.moved[-1].n_params)

    seen = SurfaceMap(fixed.landscape())
    running(seen, act)


def test_the_cursor_names_the_run_it_stands_on() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("l", *["left"] * 80, *["down"] * 30)
        for _ in range(30):
            await pilot.press("up")
            if "run run-1" in screen(app).splitlines()[0]:
                break
        else:
            pytest.fail("no run on the way up")
        assert app.moved[-1].n_tokens == pytest.approx(9e7, rel=0.5)

    running(SurfaceMap(fixed.landscape()), act)


def test_the_cursor_keeps_its_n_and_d_on_another_surface_and_in_another_size() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("l", "L", "k")
        assert seen.point is not None
        n_params, n_tokens = seen.point
        await pilot.resize_terminal(120, 40)
        assert seen.point == (n_params, n_tokens)
        other = fixed.landscape()
        seen.show(replace(other, x=replace(other.x, high=1e10), n_params=np.geomspace(1e6, 1e10, 60)))
        assert seen.point == (pytest.approx(n_params), pytest.approx(n_tokens))

    seen = SurfaceMap(fixed.landscape())
    running(seen, act)


def test_a_moved_cursor_refreshes_two_spots_and_a_same_surface_none() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("l")
        await pilot.pause()
        app.watch_refreshes()
        await pilot.press("l")
        await pilot.pause()
        assert 0 < sum(region.area for region in app.refreshed) < 80
        app.refreshed.clear()
        seen.show(fixed.landscape())
        await pilot.pause()
        assert app.refreshed == []

    seen = SurfaceMap(fixed.landscape())
    running(seen, act)


def test_empty_it_says_what_to_do() -> None:
    async def act(app: Host, pilot: Pilot[None]) -> None:
        await pilot.press("l", "escape", "k")
        assert "Six finished runs make a surface." in screen(app)

    seen: SurfaceMap = SurfaceMap(None, empty="Six finished runs make a surface.")
    running(seen, act)


def test_every_key_of_the_table_is_bound_and_needs_no_ctrl() -> None:
    assert {action.partition("(")[0] for _, action, _ in MAP_KEYS} <= {"cursor", "leave"}
    assert not any("ctrl" in key for key, _, _ in MAP_KEYS)


def test_a_surface_of_one_row_is_none() -> None:
    flat: Surface = replace(fixed.landscape(), n_tokens=np.array([1e7]), loss=np.ones((1, 60)))
    assert "nothing" in terrain.draw(flat, 40, 12, Look(), "nothing").cells.text()
