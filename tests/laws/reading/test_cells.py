"""One cell: what is read, what is refused in words, and what a loose look at any column makes of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab.laws.reading.cells import as_text, loose_number, loss_in_nats, number, unfinished
from scalelab.laws.reading.headings import plain, quantity_of, scale_of, spellings


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1e6", 1e6), (" 2.5 ", 2.5), ("125M", 125e6), ("1_000", 1000.0), (3, 3.0), (2.5, 2.5), ("1.3 B", 1.3e9)],
)
def test_numbers_as_people_and_formats_write_them(cell: str | float, value: float) -> None:
    assert number(cell, "n_params") == value
    assert loose_number(cell) == value


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (None, "is empty"),
        ("", "is empty"),
        ("  ", "is empty"),
        ("1,000", "thousands or decimals"),
        ("3,25", "thousands or decimals"),
        ("1.000,5", "thousands or decimals"),
        ("=A1*2", "formula"),
        ("n/a", "not a number"),
        ("0", "above 0"),
        (-3, "above 0"),
        (math.nan, "no point"),
        (math.inf, "no point"),
        (10**400, "no point"),
        ("true", "not a number"),
    ],
)
def test_what_is_no_number_is_told(cell: str | float | None, words: str) -> None:
    told = number(cell, "n_params")
    assert isinstance(told, str)
    assert words in told
    assert told.startswith("n_params is ")


@given(st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.none()))
def test_any_cell_is_a_number_above_zero_or_a_printable_reason(cell: str | float | None) -> None:
    found = number(cell, "loss")
    assert found.isprintable() if isinstance(found, str) else 0 < found < math.inf
    assert isinstance(loose_number(cell), float)
    assert as_text(cell) == as_text(cell).strip()


def test_losses_in_other_units() -> None:
    assert loss_in_nats(math.e**3, "ln") == pytest.approx(3)
    assert loss_in_nats(2.0, "bits") == pytest.approx(2 * math.log(2))
    assert loss_in_nats(3.0, "nats") == 3.0
    for value, unit, words in ((1.0, "ln", "above 1"), (20.0, "nats", "perplexity"), (30.0, "bits", "above 13.9")):
        told = loss_in_nats(value, unit)
        assert isinstance(told, str)
        assert words in told


@pytest.mark.parametrize(
    ("state", "dead"),
    [("crashed", True), (" Failed ", True), ("RUNNING", True), ("finished", False), ("done", False), ("", False),
     (None, False), ("California", False)],
)  # fmt: skip
def test_states_of_runs_that_did_not_end(state: str | None, dead: bool) -> None:
    assert bool(unfinished(state)) is dead


@pytest.mark.parametrize(
    ("heading", "found", "scale"),
    [
        ("Model Size", "modelsize", 1),
        ("Params (M)", "params", 1e6),
        ("tokens_in_billions", "tokens", 1e9),
        ("Tokens [T]", "tokens", 1e12),
        ("config.model.n_params", "nparams", 1),
        ("metrics/eval/loss", "evalloss", 1),
        ("summary.tokens (k)", "tokens", 1e3),
    ],
)
def test_spellings_of_a_heading(heading: str, found: str, scale: float) -> None:
    assert found in list(spellings(heading))
    assert scale_of(heading) == scale


@given(st.text(max_size=30))
def test_any_heading_has_spellings_and_a_scale(heading: str) -> None:
    assert all(plain(each) == each for each in spellings(heading))
    assert scale_of(heading) >= 1
    assert quantity_of(heading) == quantity_of(quantity_of(heading))
