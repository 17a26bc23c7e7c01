"""Nothing from outside can steer a terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.gate import clean, clean_lines


def _acts(text: str) -> bool:
    return any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for char in text)


@given(st.text())
def test_a_cleaned_text_is_one_printable_line_of_bounded_length(text: str) -> None:
    shown = clean(text, 80)
    assert not _acts(shown)
    assert len(shown) <= 80


@given(st.text())
def test_lines_survive_and_nothing_else_acts(text: str) -> None:
    assert not any(_acts(line) for line in clean_lines(text).split("\n"))


def test_escape_sequences_and_bidi_overrides_are_shown() -> None:
    assert clean("a\x1b[31mb\u202ec") == "a\\x1b[31mb\\u202ec"


def test_a_long_text_says_that_it_was_cut() -> None:
    assert clean("x" * 100, 10) == "x" * 9 + "…"


def test_errors_pass_the_gate() -> None:
    assert "\x1b" not in str(BadInput("name \x1b[2J", allowed="a\nb"))
