"""Terminals as the app may find them."""

from __future__ import annotations

import pytest

from scalelab.doctor import terminal
from scalelab.doctor.line import Line, Verdict
from scalelab.doctor.terminal import Terminal


def lines(columns: int = 120, rows: int = 40, encoding: str = "utf-8", **environment: str) -> dict[str, Line]:
    shown = Terminal(
        columns=columns, lines=rows, encoding=encoding, environment={"TERM": "xterm-256color", **environment}
    )
    return {line.check: line for line in terminal.look(shown)}


def test_a_usual_terminal_is_ok() -> None:
    assert {line.verdict for line in lines().values()} == {Verdict.OK}


def test_none_is_no_fault() -> None:
    [line] = terminal.look(None)
    assert (line.verdict, "app needs one" in line.said) == (Verdict.OK, True)


@pytest.mark.parametrize(("columns", "rows"), [(49, 24), (50, 23), (79, 24), (3, 3)])
def test_a_small_one_is_told_with_the_size_that_serves(columns: int, rows: int) -> None:
    line = lines(columns, rows)["terminal"]
    assert line.verdict is Verdict.WARN
    assert "× 24" in line.todo


@pytest.mark.parametrize(
    ("environment", "verdict", "word"),
    [
        ({"TERM": "dumb"}, Verdict.WARN, "does not open"),
        ({"TERM": ""}, Verdict.WARN, "unset"),
        ({"TERM": "vt100"}, Verdict.WARN, "few colours"),
        ({"TERM": "screen-256color"}, Verdict.OK, "256"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, Verdict.OK, "16 million"),
        ({"NO_COLOR": "1"}, Verdict.OK, "NO_COLOR"),
        ({"TERM": "\x1b[31m"}, Verdict.WARN, "\\x1b"),
    ],
)
def test_colours(environment: dict[str, str], verdict: Verdict, word: str) -> None:
    line = lines(**environment)["colours"]
    assert line.verdict is verdict
    assert word in line.said and "\x1b" not in line.said


def test_a_locale_without_unicode_is_told() -> None:
    assert lines(encoding="ISO-8859-1")["signs"].verdict is Verdict.WARN
