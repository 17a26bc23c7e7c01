"""plotext draws any figure at any size, and the figure can be read without colour."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import figures
from scalelab.figures import Axis, Figure, Mark, Role, Series
from scalelab.report.plot import LEAST_HEIGHT, LEAST_WIDTH, Glyphs, draw, legend
from tests.report.fixed import subject

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def plain(drawn: str) -> list[str]:
    """The drawing without its colours."""
    return ANSI.sub("", drawn).split("\n")


def whole_figure() -> Figure:
    about = subject()
    seen = about.assessment
    frontier = [seen.frontier(float(flops)) for flops in np.geomspace(1e10, 9e12, 12)]
    return figures.loss_against_compute(about.runs, seen, frontier, seen.optimum)


@pytest.mark.parametrize("size", [(80, 17), (200, 40), (50, 10), (30, 8), (5, 2), (400, 100)])
@pytest.mark.parametrize("glyphs", list(Glyphs))
def test_the_drawing_has_the_size_asked_for(size: tuple[int, int], glyphs: Glyphs) -> None:
    lines = plain(draw(whole_figure(), *size, glyphs))
    assert len(lines) == max(size[1], LEAST_HEIGHT)
    assert {len(line) for line in lines} == {max(size[0], LEAST_WIDTH)}


def test_every_size_is_named_at_its_line_and_every_run_has_a_dot() -> None:
    text = "\n".join(plain(draw(whole_figure(), 150, 40)))
    for label in ("8.03k", "15.3k", "29.1k", "52.8k", "119k", f"{subject().assessment.optimum.loss:.3f}"):
        assert label in text
    assert text.count("●") >= 15  # a few of the twenty share a cell or lie under a label


def test_ascii_glyphs_are_ascii_but_for_the_axes() -> None:
    text = "".join(plain(draw(whole_figure(), 80, 20, Glyphs.ASCII)))
    assert not re.search(r"[⠀-⣿●◆·]", text)


def test_legend_names_what_is_shown() -> None:
    assert legend(Glyphs.ASCII, [Role.RUNS, Role.FRONTIER]) == "o runs   + best for each C"


def test_a_gap_is_not_joined_over() -> None:
    y = np.array([1.0, np.nan, 1.0])
    line = Series(role=Role.ZERO, mark=Mark.LINE, name="x", x=np.array([0.0, 5.0, 10.0]), y=y)
    figure = Figure(title="", x=Axis(label="x", low=0, high=10), y=Axis(label="y", low=0, high=2), series=(line,))
    middle = [row for row in plain(draw(figure, 60, 12)) if "─" in row and "└" not in row]
    assert len(middle) == 1
    assert middle[0].count("─") == 2


def test_an_empty_figure_is_axes_alone() -> None:
    figure = Figure(title="", x=Axis(label="x", low=0, high=1), y=Axis(label="y", low=0, high=1), series=())
    assert figure.empty
    assert len(plain(draw(figure, 40, 10))) == 10


@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=20), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_numbers_can_be_drawn(pairs: list[tuple[float, float]], log: bool) -> None:
    x, y = (np.array([pair[side] for pair in pairs], dtype=float) for side in (0, 1))
    low, high = figures.axis.around(x.tolist(), log=log)
    lower, upper = figures.axis.around(y.tolist(), log=log)
    figure = Figure(
        title="",
        x=Axis(label="x", low=low, high=high, log=log),
        y=Axis(label="y", low=lower, high=upper, log=log),
        series=(Series(role=Role.CURVE, mark=Mark.LINE, name="any", label="any", x=x, y=y),),
    )
    assert len(plain(draw(figure, 40, 10))) == 10
