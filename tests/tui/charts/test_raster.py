"""Lines as dots: exact places, gaps that stay, extremes that are never lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scalelab.tui.charts import raster

WIDTH, HEIGHT = 40, 30


def lit(x: object, y: object, owner: object = None, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """The dots that lines pass, as a picture."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    of = np.zeros(len(x), dtype=int) if owner is None else np.asarray(owner)
    rows, columns, _ = raster.lines(x, y, of, width, height).dots()
    picture = np.zeros((height, width), dtype=bool)
    picture[rows, columns] = True
    return picture


def places(picture: np.ndarray) -> set[tuple[int, int]]:
    return {(int(column), int(row)) for row, column in zip(*np.nonzero(picture), strict=True)}


def test_a_point_lights_its_own_dot() -> None:
    assert places(lit([7], [3])) == {(7, 3)}
    assert places(lit([7.4, 7.6], [3.4, 3.4])) == {(7, 3), (8, 3)}


def test_a_diagonal_is_one_dot_thin() -> None:
    assert places(lit([2, 6], [2, 6])) == {(2, 2), (3, 3), (4, 4), (5, 5), (6, 6)}


@pytest.mark.parametrize(("x", "y"), [([3, 5], [0, 20]), ([5, 3], [0, 20]), ([3, 5], [20, 0]), ([5, 3], [20, 0])])
def test_a_steep_line_lights_every_row_once(x: list[float], y: list[float]) -> None:
    picture = lit(x, y)
    assert picture[:21].sum(axis=1).tolist() == [1] * 21
    assert not picture[21:].any()


def test_a_flat_line_lights_every_column_once() -> None:
    picture = lit([0, WIDTH - 1], [10, 12])
    assert picture.sum(axis=0).tolist() == [1] * WIDTH


def test_a_line_is_the_same_in_both_directions() -> None:
    x, y = np.array([1.0, 9.3, 20.8, 33.0]), np.array([4.0, 22.1, 7.7, 8.2])
    assert places(lit(x, y)) == places(lit(x[::-1], y[::-1]))


def test_a_gap_is_not_joined_over() -> None:
    for hole in (np.nan, np.inf, -np.inf):
        assert places(lit([2, 4, 6], [5, hole, 5])) == {(2, 5), (6, 5)}
        assert places(lit([2, hole, 6], [5, 5, 5])) == {(2, 5), (6, 5)}


def test_a_gap_inside_one_column_is_not_filled() -> None:
    assert places(lit([2, 2, 2], [1, np.nan, 9])) == {(2, 1), (2, 9)}


def test_two_lines_are_not_joined() -> None:
    assert places(lit([2, 3, 8, 9], [5, 5, 5, 5], [0, 0, 1, 1])) == {(2, 5), (3, 5), (8, 5), (9, 5)}


def test_what_is_outside_is_cut_and_what_passes_through_is_seen() -> None:
    assert places(lit([-10, 50], [-10, 50])) == {(place, place) for place in range(HEIGHT)}
    assert not lit([-5, -2], [3, 4]).any()
    assert places(lit([3, 3], [-1e300, 1e300])) == {(3, row) for row in range(HEIGHT)}
    assert lit([-1e300, 1e300], [5, 5])[5].all()


def test_no_spike_of_a_long_curve_is_lost() -> None:
    x = np.linspace(0, WIDTH - 1, 100_000)
    y = np.full(100_000, 15.0)
    y[31_337], y[77_777] = 2.0, 28.0
    picture = lit(x, y)
    assert picture[2, round(x[31_337])]
    assert picture[28, round(x[77_777])]
    assert picture[2:16, round(x[31_337])].all()


finite = st.floats(-60, 90, width=32)


@given(x=arrays(float, 12, elements=finite), y=arrays(float, 12, elements=finite))
def test_a_line_is_whole_and_holds_its_points(x: np.ndarray, y: np.ndarray) -> None:
    """Every point inside is lit, and every lit dot of a line touches another one."""
    x, y = np.clip(x, 0, WIDTH - 1), np.clip(y, 0, HEIGHT - 1)
    picture = lit(x, y)
    assert picture[np.rint(y).astype(int), np.rint(x).astype(int)].all()
    reached = {(round(x[0]), round(y[0]))}
    left, edge = places(picture) - reached, list(reached)
    while edge:
        column, row = edge.pop()
        near = {(column + across, row + down) for across in (-1, 0, 1) for down in (-1, 0, 1)} & left
        left -= near
        edge += near
    assert not left


@given(x=arrays(float, st.integers(0, 30), elements=st.floats(allow_nan=True, allow_infinity=True)), data=st.data())
def test_any_numbers_stay_inside(x: np.ndarray, data: st.DataObject) -> None:
    y = data.draw(arrays(float, len(x), elements=st.floats(allow_nan=True, allow_infinity=True)))
    rows, columns, owners = raster.lines(x, y, np.zeros(len(x), dtype=int), WIDTH, HEIGHT).dots()
    assert len(rows) == len(columns) == len(owners)
    assert not len(rows) or (rows.min() >= 0 and rows.max() < HEIGHT and columns.min() >= 0 and columns.max() < WIDTH)
    raster.band(x, y, y[::-1].copy(), WIDTH).within(WIDTH, HEIGHT).dots()


def test_a_band_fills_between_its_edges_and_keeps_gaps() -> None:
    x = np.array([0.0, 10.0, 12.0, 14.0, 20.0])
    area = raster.band(x, np.full(5, 9.0), np.array([3.0, 3.0, np.nan, 5.0, 5.0]), WIDTH)
    shown = {int(column): (int(first), int(last)) for column, first, last in
             zip(area.column, area.first, area.last, strict=True)}  # fmt: skip
    assert shown[0] == shown[5] == shown[10] == (3, 9)
    assert shown[14] == shown[17] == (5, 9)
    assert not {11, 12, 13} & set(shown)


def test_a_band_of_many_points_takes_the_extremes_of_a_column() -> None:
    x = np.linspace(0, 9, 1000)
    low, high = np.full(1000, 20.0), np.full(1000, 10.0)
    high[555] = 1.0
    area = raster.band(x, low, high, WIDTH)
    assert area.first[round(x[555])] == 1


def test_bits_of_a_cell() -> None:
    weights = np.array([[1, 8], [2, 16], [4, 32], [64, 128]])
    picture = np.zeros((8, 4), dtype=bool)
    picture[0, 0] = picture[7, 3] = picture[4, 2] = True
    assert raster.packed(picture, weights).tolist() == [[1, 0], [0, 128 + 1]]
