"""Minima of sampled curves: exact where the shape is, scipy's Akima as the peer, noise from curves of known scatter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import Akima1DInterpolator

from scalelab.laws.use.minima import akima, polynomial, roughness

X = np.linspace(-2.0, 2.0, 9)


@settings(max_examples=50, deadline=None)
@given(at=st.floats(-1.0, 1.0), bend=st.floats(0.1, 5.0), height=st.floats(-3.0, 3.0))
def test_a_parabola_has_its_minimum_exactly(at: float, bend: float, height: float) -> None:
    y = height + bend * (X - at) ** 2
    for locate in (polynomial(5, 2), polynomial(7, 3)):
        found, value = locate(X, y[None])
        assert found[0] == pytest.approx(at, abs=1e-6)
        assert value[0] == pytest.approx(height, abs=1e-6)


def test_a_lopsided_cubic_is_only_right_for_the_cubic() -> None:
    y = (X - 0.3) ** 2 + 0.15 * (X - 0.3) ** 3
    assert polynomial(7, 3)(X, y[None])[0][0] == pytest.approx(0.3, abs=1e-8)
    assert abs(polynomial(5, 2)(X, y[None])[0][0] - 0.3) > 0.01


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), points=st.integers(4, 14))
def test_akima_is_scipys(seed: int, points: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.2, 1.0, points))
    y = (x - x.mean()) ** 2 + 0.3 * np.sin(3 * x)
    found, value = akima(x, y[None])
    if 0 < y.argmin() < points - 1:
        fine = np.linspace(x[0], x[-1], 20_001)
        peer = Akima1DInterpolator(x, y)(fine)
        assert value[0] == pytest.approx(peer.min(), abs=2e-3 * np.ptp(y))
        assert float(Akima1DInterpolator(x, y)(found[0])) == pytest.approx(value[0], abs=1e-9)
    else:
        assert np.isnan(found[0])


@pytest.mark.parametrize("locate", [polynomial(5, 2), polynomial(7, 3), akima])
def test_no_minimum_inside_is_nan(locate: object) -> None:
    assert callable(locate)
    falling, hill = -X, -((X - 0.2) ** 2)
    assert np.isnan(locate(X, np.stack([falling, -falling, hill]))[0]).all()


@pytest.mark.parametrize("locate", [polynomial(5, 2), polynomial(7, 3), akima])
def test_many_curves_at_once_are_the_curves_one_by_one(locate: object) -> None:
    assert callable(locate)
    curves = (X - 0.2) ** 2 + 0.05 * np.random.default_rng(0).standard_normal((20, len(X)))
    alone = [locate(X, curve[None])[0][0] for curve in curves]
    np.testing.assert_allclose(locate(X, curves)[0], alone, equal_nan=True)


def test_roughness_is_the_noise_of_smooth_curves() -> None:
    rng = np.random.default_rng(0)
    smooth = 0.1 * (X - 0.2) ** 2 + 0.01 * X**3
    curves = [(X, smooth + 0.004 * rng.standard_normal(len(X))) for _ in range(40)]
    assert roughness(curves) == pytest.approx(0.004, rel=0.2)
    assert roughness([(X, smooth)]) == pytest.approx(0.0, abs=1e-12)
    assert roughness([(X[:4], smooth[:4])]) == 0.0
