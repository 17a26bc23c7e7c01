"""Searches on curves whose answers are known, and levels of compute from runs whose levels are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab.laws import run_table
from scalelab.laws.use.levels import curves_of
from scalelab.laws.use.search import first_below, lowest, span_below


@settings(max_examples=50, deadline=None)
@given(at=st.floats(-9.0, 9.0), bend=st.floats(0.01, 10.0))
def test_lowest_point_and_the_stretch_around_it(at: float, bend: float) -> None:
    def curve(x: np.ndarray) -> np.ndarray:
        return 2.0 + bend * (x - at) ** 2

    found, edge = lowest(curve, -10.0, 10.0)
    assert (found, edge) == (pytest.approx(at, abs=1e-4), "")
    low, high = span_below(curve, 2.0 + 0.04 * bend, at, -10.0, 10.0)
    assert (low, high) == (pytest.approx(at - 0.2, abs=1e-3), pytest.approx(at + 0.2, abs=1e-3))


def test_an_edge_is_named() -> None:
    assert lowest(lambda x: np.exp(x), -1.0, 1.0) == (-1.0, "low")
    assert lowest(lambda x: np.exp(-x), -1.0, 1.0) == (1.0, "high")
    assert span_below(lambda x: np.zeros_like(x), 1.0, 0.0, -3.0, 5.0) == (-3.0, 5.0)


@settings(max_examples=50, deadline=None)
@given(bar=st.floats(0.02, 0.9))
def test_first_point_below_a_bar(bar: float) -> None:
    found = first_below(lambda x: float(np.exp(-x)), bar, 0.0, 5.0)
    assert found == pytest.approx(-np.log(bar), abs=1e-6)
    assert float(np.exp(-found)) <= bar


def test_a_bar_that_is_never_reached_or_passed_at_the_start() -> None:
    assert first_below(lambda x: 1.0 + float(np.exp(-x)), 0.9, 0.0, 50.0) is None
    assert first_below(lambda x: -x, 0.5, 0.0, 5.0) == 0.0


def test_levels_are_told_apart_by_the_gap_and_seeds_are_averaged() -> None:
    flops = np.repeat([1e18, 1.02e18, 3e18], [3, 2, 4])
    n = np.array([1e7, 2e7, 4e7, 1e7, 8e7, 1e7, 2e7, 2e7, 4e7])
    loss = np.array([3.0, 2.8, 2.9, 3.2, 3.3, 2.9, 2.5, 2.7, 2.6])
    curves = curves_of(run_table(n_params=n, n_tokens=flops / 6 / n, loss=loss, flops=flops), 0.05)
    assert [each.n_runs for each in curves] == [5, 4]
    np.testing.assert_allclose(np.exp(curves[0].log_n), [1e7, 2e7, 4e7, 8e7], rtol=1e-5)
    assert np.exp(curves[0].log_loss[0]) == pytest.approx(np.sqrt(3.0 * 3.2))
    assert np.exp(curves[1].log_loss[1]) == pytest.approx(np.sqrt(2.5 * 2.7))
    assert not any(each.refused for each in curves)


def test_compute_that_is_spread_is_no_level() -> None:
    flops = np.geomspace(1e18, 2e18, 30)
    n = np.geomspace(1e7, 1e9, 30)
    curves = curves_of(run_table(n_params=n, n_tokens=flops / 6 / n, loss=3 + 0 * n, flops=flops), 0.05)
    assert len(curves) == 1
    assert "spreads by 100 %: no level" in curves[0].refused
    few = curves_of(run_table(n_params=n[:2], n_tokens=1e18 / 6 / n[:2], loss=[3.0, 2.9]), 0.05)
    assert "2 sizes of model" in few[0].refused
