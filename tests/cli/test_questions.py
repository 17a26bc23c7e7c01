"""The options of `predict` as one question: every kind of it, its numbers, and that two are never one."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab.cli.questions import Question, question
from scalelab.errors import BadInput

NONE = dict.fromkeys(
    ("params", "tokens", "compute", "time", "money", "loss", "start", "rate", "utilisation", "price", "devices",
     "max_params", "max_tokens")
)  # fmt: skip


def asked(**given: Any) -> Question:
    return question(**{**NONE, **given})


@pytest.mark.parametrize(("given", "kind"), [
    ({"params": "10M", "tokens": "200M"}, "run"),
    ({"params": "10M", "tokens": "200M", "start": "1M,20M,3.1"}, "ratio"),
    ({"compute": "1e18"}, "budget"),
    ({"time": "2h05"}, "budget"),
    ({"money": "500"}, "budget"),
    ({"params": "10M", "time": "1d"}, "model"),
    ({"loss": "2.5"}, "loss"),
])  # fmt: skip
def test_every_kind_of_question(given: dict[str, str], kind: str) -> None:
    assert asked(**given).kind == kind


def test_numbers_are_read_as_people_write_them() -> None:
    told = asked(time="2h05", rate="150T", utilisation=0.4, price="2.5", devices="8", max_params="7B", max_tokens="1T")
    assert told.budget == {"seconds": 7500.0}
    assert (told.rate, told.utilisation, told.price, told.devices) == (150e12, 0.4, 2.5, 8)
    assert (told.max_params, told.max_tokens) == (7e9, 1e12)
    assert asked(params="1M", tokens="2M", start="120k,1.2M,2.07").start == (120e3, 1.2e6, 2.07)


@pytest.mark.parametrize("pair", list(combinations(("compute", "time", "money", "loss"), 2)), ids="-".join)
def test_two_questions_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(BadInput, match="both given"):
        asked(**{name: "1h" if name == "time" else "3" for name in pair})


@given(name=st.sampled_from(["params", "tokens", "compute", "money", "loss"]), text=st.text(max_size=12))
def test_any_text_is_a_number_or_refused_in_one_line(name: str, text: str) -> None:
    given_all = {"params": "1M", "tokens": "1M"} if name in ("params", "tokens") else {}
    try:
        told = asked(**{**given_all, name: text})
    except BadInput as problem:
        assert "\n" not in problem.line()
        return
    numbers = [told.n_params, told.n_tokens, told.loss, *told.budget.values()]
    assert all(value > 0 for value in numbers if value is not None)
