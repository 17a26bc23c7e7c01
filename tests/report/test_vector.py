"""Figures on paper: what matplotlib wrote is what the figure says, the same each time, and no text is a formula."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import figures
from scalelab.figures import Axis, Figure, Mark, Role, Series, Surface
from scalelab.report import vector
from scalelab.report.endings import Ending, apart
from scalelab.report.paper import NAMED, css_variables, shades
from scalelab.report.pictures import pictures_of
from tests.report.fixed import subject

PICTURES = {each.key: each.figure for each in pictures_of(subject())}


@pytest.mark.parametrize("key", sorted(PICTURES))
def test_every_figure_is_drawn_as_svg_and_png(key: str) -> None:
    root = ET.fromstring(vector.svg(PICTURES[key], key))
    words = "".join(root.itertext())
    title = PICTURES[key].title
    assert title[1:] in words and PICTURES[key].x.label in words
    png = vector.png_file(PICTURES[key], key)
    assert png.startswith(b"\x89PNG")
    width, _ = struct.unpack(">II", png[16:24])
    assert width == 1600


def test_labels_and_ticks_stand_in_the_drawing() -> None:
    figure = PICTURES["loss-against-compute"]
    assert isinstance(figure, Figure)
    words = "".join(ET.fromstring(vector.svg(figure, "x")).itertext())
    for series in figure.series:
        assert series.label in words
    assert "10¹²" in words


def test_a_drawing_for_a_page_has_its_colours_by_name_alone() -> None:
    drawn = vector.svg(PICTURES["loss-against-compute"], "x")
    assert "var(--ink)" in drawn and "var(--red)" in drawn
    assert not [stand_in for stand_in in NAMED.colours.values() if stand_in in drawn]
    assert all(f"--{name}:" in css_variables() for name in shades())


def test_a_drawing_for_a_file_has_colours_that_any_reader_knows() -> None:
    assert b"var(--" not in vector.svg_file(PICTURES["residuals"], "x")


@pytest.mark.parametrize("key", sorted(PICTURES))
def test_the_same_figure_gives_the_same_bytes(key: str) -> None:
    assert vector.svg_file(PICTURES[key], key) == vector.svg_file(PICTURES[key], key)


def dots(label: str, y: list[float], **more: object) -> Figure:
    series = Series(role=Role.SCORE, mark=Mark.DOTS, name=label, label=label, x=np.arange(1.0, len(y) + 1),
                    y=np.array(y), **more)  # type: ignore[arg-type]  # fmt: skip
    low, high = figures.axis.around(y, log=False)
    return Figure(title=label, x=Axis(label=label, low=0, high=len(y) + 1), y=Axis(label=label, low=low, high=high),
                  series=(series,))  # fmt: skip


@pytest.mark.parametrize("label", ["$x^2$", "$\\frac{", "a_b^c", "<b>&amp;", "模型", "100 %"])
def test_no_label_is_read_as_a_formula_or_as_markup(label: str) -> None:
    assert label in "".join(ET.fromstring(vector.svg(dots(label, [1.0, 2.0]), "x")).itertext())


@given(st.lists(st.floats(), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_any_numbers_can_be_drawn(y: list[float]) -> None:
    ET.fromstring(vector.svg(dots("any", y), "x"))


def test_of_very_many_dots_the_outermost_are_kept() -> None:
    y = np.sin(np.arange(50_000.0))
    y[777] = 9.0
    shown = vector._thinned(y)
    assert len(shown) <= vector.MOST_DOTS
    assert 777 in shown and int(y.argmin()) in shown


def test_a_surface_has_its_levels_written_on_it() -> None:
    drawn = PICTURES["surface"]
    assert isinstance(drawn, Surface)
    words = "".join(ET.fromstring(vector.svg(drawn, "x")).itertext())
    assert sum(f"{level:.4g}" in words for level in drawn.levels) >= len(drawn.levels) - 2


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300)), max_size=12))
def test_labels_at_line_ends_do_not_overlap(spots: list[tuple[float, float]]) -> None:
    wanted = [Ending(text="12.3M", x=x, y=y, colour="") for x, y in spots]
    placed = apart(wanted, char=6.0, line=13.0)
    assert len(placed) == len(wanted)
    for i, (a, y) in enumerate(placed):
        for b, at in placed[:i]:
            assert abs(y - at) >= 13.0 or abs(a.x - b.x) >= 30.0


def test_a_label_that_is_alone_stays_at_its_line() -> None:
    only = Ending(text="x", x=10.0, y=50.0, colour="")
    assert apart([only], char=6.0, line=13.0) == [(only, 50.0)]
