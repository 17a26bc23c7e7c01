"""Labels at line ends: near their lines, in their order, none on another."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scalelab.tui.charts.drawing import Look, draw
from scalelab.tui.charts.labels import Spot, apart, endings
from tests.tui.charts import fixed
from tests.tui.charts.fixed import line, unit


def test_a_label_alone_stays_where_it_is() -> None:
    assert apart([Spot(row=5, column=10, text="1.0M")], 20) == [(0, 5)]


def test_labels_of_one_place_are_spread_about_it_in_order() -> None:
    spots = [Spot(row=10, column=40, text=f"{place}M") for place in range(4)]
    assert sorted(apart(spots, 20)) == [(0, 8), (1, 9), (2, 10), (3, 11)]


def test_labels_beside_each_other_stay() -> None:
    spots = [Spot(row=3, column=0, text="abc"), Spot(row=3, column=4, text="def")]
    assert sorted(apart(spots, 9)) == [(0, 3), (1, 3)]


spot = st.builds(
    Spot, row=st.integers(0, 19), column=st.integers(0, 30), text=st.sampled_from(["a", "10.0M", "a long label"])
)


@given(spots=st.lists(spot, max_size=20))
def test_no_label_stands_on_another(spots: list[Spot]) -> None:
    placed = apart(spots, 20)
    assert len({place for place, _ in placed}) == len(placed) == len(spots)
    for place, row in placed:
        assert 0 <= row < 20
        for other, at in placed:
            assert place == other or row != at or spots[place].beside(spots[other])


def test_one_label_stands_for_all_lines_of_a_rung() -> None:
    lines = [
        line([0, 0.4 + 0.2 * place], [0.5, 0.5], label="16x1", colour=1, name=f"run-{place}") for place in range(3)
    ]
    drawing = draw(unit(*lines), 60, 20, Look(coloured=False))
    assert drawing.area is not None
    assert drawing.cells.text().count("16x1") == 1
    assert [each.series.name for each in endings(unit(*lines), drawing.area)] == ["run-2"]


def test_every_label_of_a_figure_can_be_read() -> None:
    figure = fixed.loss_curves()
    for width, height in ((50, 24), (80, 24), (200, 50)):
        text = draw(figure, width, height, Look(coloured=False)).cells.text()
        assert all(each.label in text for each in figure.series)


def test_more_labels_than_rows_are_thinned_and_none_is_cut() -> None:
    lines = [line([0, 1], [0.5, place / 100], label=f"<{place:03d}>", name=str(place)) for place in range(100)]
    text = draw(unit(*lines), 80, 24, Look(coloured=False)).cells.text()
    assert 5 <= text.count("<") == text.count(">") <= 20


def test_dots_without_lines_are_told_in_a_row_above() -> None:
    from dataclasses import replace

    figure = unit(*(replace(fixed.dots([0.2], [0.3], colour=place), label=f"{place}M") for place in range(3)))
    for coloured, told in ((True, "● 0M  ● 1M  ● 2M"), (False, "● 0M  ○ 1M  ◆ 2M")):
        drawing = draw(figure, 60, 20, Look(coloured=coloured))
        assert drawing.area is not None
        assert drawing.area.name_row is not None
        assert drawing.cells.row_text(drawing.area.name_row).rstrip().endswith(told)
    # Without colours the dots themselves have the shapes of the row above.
    assert {sign for row in range(3, 15) for sign in drawing.cells.row_text(row)} & set("●○◆")


def test_a_row_of_labels_is_whole_and_the_name_of_the_axis_gives_way() -> None:
    from dataclasses import replace

    figure = unit(*(replace(fixed.dots([0.2], [0.3], colour=place), label=f"{place}.00k") for place in range(5)))
    for width, name in ((90, "what it is"), (60, "what it"), (44, "")):
        drawing = draw(replace(figure, y=replace(figure.y, label="what it is, at great length")), width, 20, Look())
        assert drawing.area is not None and drawing.area.name_row is not None
        row = drawing.cells.row_text(drawing.area.name_row)
        assert row.startswith(name) and all(f"● {place}.00k" in row for place in range(5)), row
