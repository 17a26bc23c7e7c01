"""Digits as the interval carries them."""

from __future__ import annotations

import pytest

from scalelab.report import numbers


@pytest.mark.parametrize(("given", "shown"), [
    ((0.4543, 0.3684, 0.5401), "0.45 [0.37, 0.54]"),
    ((-0.0524, -0.0610, -0.0437), "−0.052 [−0.061, −0.044]"),
    ((1.817, 1.791, 1.843), "1.817 [1.791, 1.843]"),
    ((267.5, 164.8, 434.2), "270 [160, 430]"),
    ((1.69e7, 2.1e6, 1.35e8), "1.7e7 [2.1e6, 1.4e8]"),
    ((28.0, 4.5, 1700.0), "28 [4, 1700]"),
    ((600.0, 3.0, 51400.0), "600 [3.0, 51400]"),
    ((0.4, -0.02, 0.8), "0.4 [0.0, 0.8]"),
    ((2.3e-7, 1.1e-7, 4.0e-7), "2.3e-7 [1.1e-7, 4.0e-7]"),
    ((1.68, float("nan"), float("inf")), "1.6800 [?, ?]"),
])  # fmt: skip
def test_interval(given: tuple[float, float, float], shown: str) -> None:
    assert numbers.interval(*given) == shown


@pytest.mark.parametrize(
    ("share", "shown"), [(0.00424, "0.42 %"), (0.034, "3.4 %"), (0.12, "12 %"), (0.0, "0.0 %"), (float("nan"), "?")]
)
def test_percent(share: float, shown: str) -> None:
    assert numbers.percent(share) == shown


def test_greek() -> None:
    assert numbers.greek("P = k * N^alpha * D^beta") == "P = k · N^α · D^β"


def test_flops() -> None:
    assert (numbers.flops(9.377e12), numbers.flops(float("inf"))) == ("9.38e12", "?")


@pytest.mark.parametrize(("low", "high", "told"), [
    (2.0, 3.0, True), (6e10, 3.5e16, True), (2e-90, 1.9e130, False), (-2.4e7, 2.4e7, False), (0.0, 31.8, False),
])  # fmt: skip
def test_an_interval_tells_something_or_nothing(low: float, high: float, told: bool) -> None:
    assert numbers.told(low, high) is told


@pytest.mark.parametrize(
    ("value", "shown"), [(0.449, "0.449"), (20.0, "20"), (999.4, "999"), (999.6, "1k"), (2571.0, "2.57k")]
)
def test_ratio(value: float, shown: str) -> None:
    assert numbers.ratio(value) == shown
