"""Columns stay under each other whatever the cells are made of."""

from __future__ import annotations

from scalelab.report.columns import cells, columns


def test_numbers_lean_right_and_names_left() -> None:
    assert columns([["name", "N"], ["a", "10"], ["bcdef", "5"]]) == ["name    N", "a      10", "bcdef   5"]


def test_wide_signs_take_two_columns_and_marks_none() -> None:
    assert (cells("模型"), cells("e\u0301"), cells("α")) == (4, 1, 1)
    drawn = columns([["模型", "1"], ["abcd", "2"]])
    assert [cells(line) for line in drawn] == [7, 7]


def test_no_rows_are_no_lines() -> None:
    assert columns([]) == []
