"""Lines that rise are found by searching: dot for dot what looking at every point finds, with few points looked at."""

from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scalelab.figures import Axis
from scalelab.tui.charts import raster, rising
from scalelab.tui.charts.axes import Layout
from scalelab.tui.charts.glyphs import GlyphSet, dots_of
from tests.tui.charts.fixed import axis

AREA = Layout(left=0, top=0, columns=30, rows=10, margin=0, title_row=None, name_row=None, axes=False, below=False,
              dots=dots_of(GlyphSet.BRAILLE))  # fmt: skip
WIDTH, HEIGHT = AREA.columns * AREA.dots.wide, AREA.rows * AREA.dots.high


def dots(found: raster.Intervals) -> set[tuple[int, int, int]]:
    return set(zip(*(each.tolist() for each in found.dots()), strict=True))


def curves(seed: int, count: int, most: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Lines with steps, stretches of one x, and values that lie exactly between two columns of a linear axis."""
    random, xs, ys = np.random.default_rng(seed), [], []
    for _ in range(count):
        x = np.sort(
            random.choice([random.uniform(1, 1000, most), np.arange(1.0, most + 1)])[: random.integers(1, most)]
        )
        xs.append(np.repeat(x, random.integers(1, 3)))
        ys.append(5.0 * xs[-1] ** -0.2 + random.normal(0, 0.4, len(xs[-1])).clip(-0.5, 3))
    return xs, ys


def both(x: list[np.ndarray], y: list[np.ndarray], along: Axis, up: Axis) -> tuple[set, set, list[int]]:
    """The dots that are searched, those of all points, and which lines have gaps."""
    across, down = partial(AREA.dots_across, along), partial(AREA.dots_down, up)
    found, gaps = rising.stretches(x, y, rising.Cuts(along, across, WIDTH), down)
    owner = np.repeat(np.arange(len(x)), [len(each) for each in x])
    kept = ~np.isin(owner, gaps)
    every = raster.lines(across(np.concatenate(x))[kept], down(np.concatenate(y))[kept], owner[kept], WIDTH, HEIGHT)
    return dots(raster.passed(found, WIDTH, HEIGHT)), dots(every), gaps.tolist()


@given(st.integers(0, 10_000), st.booleans(), st.booleans(), st.floats(1.0, 900.0), st.floats(1.001, 30.0))
def test_what_is_searched_is_what_every_point_says(seed: int, log_x: bool, log_y: bool, low: float, by: float) -> None:
    """Over the whole axis and over a part of it, of which lines stand at either side."""
    x, y = curves(seed, 6, 200)
    for along in (axis(1.0, 1000.0, log=log_x), axis(low, low * by, log=log_x), axis(2.0, 61.0, log=log_x)):
        searched, every, gaps = both(x, y, along, axis(0.5, 6.0, log=log_y))
        assert not gaps
        assert searched == every


def test_lines_with_gaps_are_told_and_left_to_others() -> None:
    x, y = curves(3, 5, 100)
    y[1][-1], y[3][0], y[4][0] = np.nan, np.inf, -1.0
    for log, expected in ((True, [1, 3, 4]), (False, [1, 3])):
        searched, every, gaps = both(x, y, axis(1.0, 1000.0, log=True), axis(0.5, 6.0, log=log))
        assert gaps == expected
        assert searched == every


def test_values_that_a_log_axis_has_not_are_gaps_before_what_is_seen_and_nothing_far_from_it() -> None:
    x = [np.array([0.0, 5.0, 20.0, 30.0]), np.array([-1.0, 0.0, 1.0, 20.0, 30.0])]
    y = [np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 2.0, 3.0, 4.0])]
    assert both(x, y, axis(5.0, 30.0, log=True), axis(0.5, 6.0, log=True))[2] == [0]
    assert both(x, y, axis(10.0, 30.0, log=True), axis(0.5, 6.0, log=True))[2] == []


def test_a_column_begins_at_the_very_value_that_is_placed_in_it() -> None:
    for along in (axis(1.0, 1000.0, log=True), axis(1e15, 1e15 + 64.0, log=False), axis(-3.0, 0.25, log=False)):
        across = partial(AREA.dots_across, along)
        begins = rising.edges(along, across, WIDTH)
        inner = begins[1:-1]
        assert (raster.columns(across(inner)) == np.arange(1, WIDTH)).all()
        assert (raster.columns(across(np.nextafter(inner, -np.inf))) == np.arange(WIDTH - 1)).all()


def test_what_turns_back_or_has_no_end_does_not_rise() -> None:
    for values in ([], [1.0, 3.0, 2.0], [1.0, np.nan, 2.0], [1.0, np.inf], [np.nan, 1.0]):
        assert not rising.rises(np.array(values))
    assert rising.rises(np.array([1.0, 1.0, 2.0]))


def test_few_of_many_points_are_placed() -> None:
    """Whatever a machine does meanwhile: of dense curves a frame places a twentieth of what it draws."""
    x = [np.linspace(1.0, 1000.0, 20_000) + place for place in range(10)]
    y = [5.0 * each**-0.2 + 0.1 * np.sin(each) for each in x]
    placed = 0

    def counted(place: rising.Place, values: np.ndarray) -> np.ndarray:
        nonlocal placed
        placed += values.size
        return place(values)

    along, up = axis(1.0, 1010.0, log=False), axis(0.5, 6.0, log=True)
    across, down = (partial(counted, partial(place, each)) for place, each in
                    ((AREA.dots_across, along), (AREA.dots_down, up)))  # fmt: skip
    cuts = rising.Cuts(along, across, WIDTH)
    rising.stretches(x, y, cuts, down)
    assert placed < sum(len(each) for each in x) / 20
