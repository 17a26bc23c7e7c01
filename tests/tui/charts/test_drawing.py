"""Figures as cells: known points in known cells, gaps, layers, goldens, and any numbers in any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scalelab.figures import Axis, Figure, Mark, Notation, Role, Series
from scalelab.tui.charts.cells import Cells
from scalelab.tui.charts.drawing import Drawing, Look, draw
from scalelab.tui.charts.glyphs import GlyphSet
from scalelab.tui.charts.inks import DARK, PLAIN
from tests.tui.charts import fixed
from tests.tui.charts.fixed import dots, line, unit

SIZES = ((50, 24), (80, 24), (200, 50))


def shown(drawing: Drawing) -> list[str]:
    """The rows of the area inside the axes."""
    area = drawing.area
    assert area is not None
    rows = [drawing.cells.row_text(row) for row in range(area.top, area.top + area.rows)]
    return [row[area.left : area.left + area.columns] for row in rows]


@pytest.mark.parametrize("glyphs", GlyphSet)
@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.25, 0.5), (0.77, 0.13)])
def test_a_known_point_lands_in_its_cell(glyphs: GlyphSet, x: float, y: float) -> None:
    drawing = draw(unit(dots([x], [y])), 61, 25, Look(glyphs=glyphs, coloured=False))
    area = drawing.area
    assert area is not None
    rows = shown(drawing)
    sign = "o" if glyphs is GlyphSet.ASCII else "●"
    found = [(row, text.index(sign)) for row, text in enumerate(rows) if sign in text]
    high, wide = area.dots.high, area.dots.wide
    row, column = round((1 - y) * (area.rows * high - 1)) // high, round(x * (area.columns * wide - 1)) // wide
    assert found == [(row, column)]
    # A line through it lights the same cell.
    lit = shown(draw(unit(line([x], [y])), 61, 25, Look(glyphs=glyphs, coloured=False)))
    assert [(row, len(text) - len(text.lstrip())) for row, text in enumerate(lit) if text.strip()] == found


def test_a_known_point_of_a_line_lights_its_dot_of_the_cell() -> None:
    drawing = draw(unit(line([0.0], [1.0]), line([1.0], [0.0])), 61, 25, Look(coloured=False))
    rows = shown(drawing)
    assert rows[0][0] == "⠁"
    assert rows[-1][-1] == "⢀"
    blocks = shown(
        draw(unit(line([0.0], [1.0]), line([1.0], [0.0])), 61, 25, Look(glyphs=GlyphSet.BLOCK, coloured=False))
    )
    assert (blocks[0][0], blocks[-1][-1]) == ("▘", "▗")


def test_ticks_stand_at_their_values() -> None:
    drawing = draw(unit(dots([0.5], [0.5])), 61, 25, Look(coloured=False))
    area = drawing.area
    assert area is not None
    middle = area.top + round(0.5 * (area.rows - 1))
    labelled = [
        row for row in range(area.top, area.top + area.rows) if drawing.cells.row_text(row)[area.left - 1] == "┤"
    ]
    for row in labelled:
        value = float(drawing.cells.row_text(row)[: area.left - 1])
        assert row == area.top + round((1 - value) * (area.rows - 1))
    assert "●" in drawing.cells.row_text(middle)
    floor, words = (drawing.cells.row_text(area.top + area.rows + below) for below in (0, 1))
    at = words.index("0.4") + 1
    assert floor[at] == "┬"
    assert at == area.left + round(0.4 * (area.columns - 1))


def test_a_gap_stays_a_gap() -> None:
    x = np.linspace(0, 1, 101)
    y = np.full(101, 0.5)
    y[40:61] = np.nan
    row = next(text for text in shown(draw(unit(line(x, y)), 61, 25, Look(coloured=False))) if text.strip())
    assert set(row[26:34]) == {" "}
    assert " " not in row[:22]
    assert " " not in row[38:]


def test_the_later_line_lies_over_the_earlier_and_a_dot_over_both() -> None:
    flat = [0.0, 1.0], [0.5, 0.5]
    drawing = draw(unit(dots([0.5], [0.5], colour=3), line(*flat, colour=1), line(*flat, colour=2)), 61, 25, Look())
    area = drawing.area
    assert area is not None
    row = area.top + round(0.5 * (area.rows - 1))
    inks = drawing.cells.inks[row, area.left : area.left + area.columns]
    assert set(inks.tolist()) == {DARK.palette[2], DARK.palette[3]}
    assert (inks == DARK.palette[3]).sum() == 1


def test_a_cell_keeps_the_dots_of_the_colour_on_top_alone() -> None:
    up, down = [0.25, 0.25], [0.0, 1.0]
    lines = (line(up, down, colour=1), line([0.0, 1.0], [0.5, 0.5], colour=2))
    coloured, plain = (draw(unit(*lines), 61, 25, Look(coloured=coloured)) for coloured in (True, False))
    area = coloured.area
    assert area is not None
    row, column = round(0.5 * (area.rows - 1)), round(0.25 * (2 * area.columns - 1)) // 2
    on_top, both = (ord(shown(each)[row][column]) - 0x2800 for each in (coloured, plain))
    assert on_top & both == on_top
    assert on_top != both


def test_colours_of_roles() -> None:
    drawing = draw(fixed.against_compute(), 80, 24, Look())
    used = set(drawing.cells.inks.ravel().tolist())
    assert used <= {*DARK.palette, DARK.red, DARK.axis, DARK.grid, PLAIN}
    assert DARK.red in used


def test_without_colour_no_cell_has_one_and_roles_have_their_signs() -> None:
    cells = draw(fixed.against_compute(), 80, 24, Look(coloured=False)).cells
    assert set(cells.inks.ravel().tolist()) == {PLAIN} == set(cells.papers.ravel().tolist())
    assert {"●", "◆", "•"} <= set(cells.text())


def test_ascii_is_ascii() -> None:
    for figure in (fixed.loss_curves(), fixed.against_compute()):
        for coloured in (True, False):
            assert draw(figure, 80, 24, Look(glyphs=GlyphSet.ASCII, coloured=coloured)).cells.text().isascii()


def test_a_whisker_is_exact_to_half_a_cell() -> None:
    interval = Series(role=Role.FORECAST, mark=Mark.DOTS, name="", x=np.array([0.5]), y=np.array([0.5]),
                      low=np.array([0.2]), high=np.array([np.nan]))  # fmt: skip
    assert not any("│" in text for text in shown(draw(unit(interval), 61, 25, Look(coloured=False))))
    whole = Series(role=Role.FORECAST, mark=Mark.DOTS, name="", x=np.array([0.5]), y=np.array([0.5]),
                   low=np.array([-5.0]), high=np.array([0.75]))  # fmt: skip
    drawing = draw(unit(whole), 61, 25, Look(coloured=False))
    rows = shown(drawing)
    column = next(text.index("◆") for text in rows if "◆" in text)
    bar = "".join(text[column] for text in rows)
    top = round(0.25 * (2 * len(rows) - 1))
    assert len(bar.rstrip()) == len(rows)
    assert bar[top // 2] == ("╷" if top % 2 else "│")
    assert not bar[: top // 2].strip()


def test_an_empty_figure_says_the_owners_words() -> None:
    for figure in (None, unit(), unit(line([0.5], [np.nan]))):
        text = draw(figure, 40, 10, Look(), "No runs yet.\nPress s to start.").cells.text()
        assert "No runs yet." in text
        assert "Press s to start." in text


@pytest.mark.parametrize("glyphs", GlyphSet)
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_goldens(glyphs: GlyphSet, width: int, height: int) -> None:
    for name, figure in (("curves", fixed.loss_curves()), ("compute", fixed.against_compute())):
        for coloured in (True, False):
            drawing = draw(figure, width, height, Look(glyphs=glyphs, coloured=coloured))
            ink = "" if coloured else "-no-colour"
            fixed.hold(f"{name}-{width}x{height}-{glyphs}{ink}", drawing.cells.text())


anything = st.floats(allow_nan=True, allow_infinity=True)
names = st.text(max_size=30)


@st.composite
def figures(pick: st.DrawFn) -> Figure:
    def values(size: int) -> np.ndarray:
        return pick(arrays(float, size, elements=anything))

    series = []
    for _ in range(pick(st.integers(0, 3))):
        size = pick(st.integers(0, 12))
        extra = {name: values(size) for name in pick(st.sampled_from([(), ("low", "high"), ("x_low", "x_high")]))}
        series.append(Series(role=pick(st.sampled_from(Role)), mark=pick(st.sampled_from(Mark)), name=pick(names),
                             label=pick(names), x=values(size), y=values(size),
                             colour=pick(st.none() | st.integers(0, 20)), **extra))  # fmt: skip

    def some_axis() -> Axis:
        low, high = pick(anything | st.just(1.0)), pick(anything | st.just(10.0))
        return Axis(label=pick(names), low=low, high=high, log=pick(st.booleans()),
                    notation=pick(st.sampled_from(Notation)))  # fmt: skip

    return Figure(title=pick(names), x=some_axis(), y=some_axis(), series=tuple(series))


def sound(cells: Cells, width: int, height: int) -> None:
    """Every line is exactly as wide as it must be, and nothing in it steers a terminal."""
    from rich.style import Style

    for row in range(height):
        text = cells.row_text(row)
        assert len(text) == width
        assert text.isprintable()
        assert (
            cells.strip(row, Style()).cell_length
            == width
            == sum(part.cell_length for part in cells.strip(row, Style()))
        )


@settings(max_examples=150, deadline=None)
@given(figure=figures(), width=st.integers(10, 90), height=st.integers(4, 30), glyphs=st.sampled_from(GlyphSet),
       coloured=st.booleans(), titled=st.booleans())  # fmt: skip
def test_any_figure_in_any_size(
    figure: Figure, width: int, height: int, glyphs: GlyphSet, coloured: bool, titled: bool
) -> None:
    drawing = draw(figure, width, height, Look(glyphs=glyphs, coloured=coloured, titled=titled), "nothing yet")
    sound(drawing.cells, width, height)


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (3, 2), (10, 4), (18, 6), (300, 90)])
def test_no_size_is_too_small_or_too_large(size: tuple[int, int]) -> None:
    for figure in (fixed.loss_curves(), fixed.against_compute()):
        sound(draw(figure, *size, Look()).cells, *size)
