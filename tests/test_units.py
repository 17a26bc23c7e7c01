"""Numbers as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.units import (
    format_bytes,
    format_count,
    format_duration,
    format_flop_rate,
    parse_count,
    parse_duration,
    parse_whole,
    value_error,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("10M", 10e6), ("3.2B", 3.2e9), ("1.5e18", 1.5e18), ("250k", 250e3), ("1_000", 1000), (12, 12), ("2T", 2e12)],
)
def test_counts_are_read_as_written(text: str, value: float) -> None:
    assert parse_count(text) == value


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "nan", "inf", "1,000", "ten", "1e999", "5Q", True, 0, -3.0, math.nan, 10**400]
)
def test_what_is_no_count_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(BadInput, match="allowed") as caught:
        parse_count(text, "budgets.tokens")
    assert "budgets.tokens" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_half_a_thing_is_not_whole() -> None:
    with pytest.raises(BadInput):
        parse_whole("1.5")
    assert parse_whole("1.5k") == 1500


@given(st.floats(min_value=1, max_value=1e14))
def test_a_formatted_count_reads_back_to_its_digits(value: float) -> None:
    assert parse_count(format_count(value, 4)) == pytest.approx(value, rel=5.1e-4)


@pytest.mark.parametrize(
    ("value", "text"), [(999.96, "1k"), (999_960, "1M"), (1234, "1.23k"), (1.5e18, "1.5e18"), (0, "0"), (0.5, "0.5")]
)
def test_counts_never_show_a_thousand_of_a_unit(value: float, text: str) -> None:
    assert format_count(value) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h05", 7500), ("5m", 300), ("90", 90), ("90s", 90), ("1d2h", 93_600), ("2h5m10s", 7510)]
)
def test_durations_are_read_as_written(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-5m", "5 parsecs", "0"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_duration(text)


@given(st.floats(min_value=10, max_value=170_000))
def test_a_formatted_duration_reads_back_within_a_minute(seconds: float) -> None:
    text = format_duration(seconds)
    # "5m08" is minutes and seconds; the parser reads hours and minutes that way, so give it the unit it leaves out.
    spelled = text if "h" in text or text.endswith("s") else f"{text}s"
    assert parse_duration(spelled) == pytest.approx(seconds, abs=31)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.81722, 0.0257, "1.817 ± 0.026"),
        (477.8, 124.5, "480 ± 120"),
        (0.34731, 0.0154, "0.347 ± 0.015"),
        (0.34731, 0.054, "0.35 ± 0.05"),
        (5e6, 3e6, "(5.0 ± 3.0)e6"),
        (3.0, math.nan, "3 ± ?"),
    ],
)
def test_a_value_and_its_error_are_cut_at_one_place(value: float, error: float, text: str) -> None:
    assert value_error(value, error) == text


def test_bytes_have_a_unit() -> None:
    assert [format_bytes(size) for size in (512, 3_200_000_000, 25e6)] == ["512 B", "3.2 GB", "25 MB"]


@pytest.mark.parametrize(
    ("rate", "text"), [(85.2e9, "85.2 GFLOP/s"), (989e12, "989 TFLOP/s"), (1.2e15, "1.2 PFLOP/s"), (12, "12 FLOP/s")]
)
def test_a_rate_has_the_prefix_that_people_use(rate: float, text: str) -> None:
    assert format_flop_rate(rate) == text
