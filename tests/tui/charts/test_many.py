"""Figures of many curves: what is remembered from frame to frame changes nothing, and a cursor reads what all would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab.figures import Figure, Mark
from scalelab.tui.charts import memory as charts_memory
from scalelab.tui.charts import view
from scalelab.tui.charts.axes import Layout, inside, layout
from scalelab.tui.charts.drawing import Look, draw
from scalelab.tui.charts.glyphs import GlyphSet, dots_of
from scalelab.tui.charts.inks import DARK
from scalelab.tui.charts.memory import KEPT, MANY, Memory
from tests.tui.charts.fixed import axis, line, unit

LOOK = Look(glyphs=GlyphSet.BRAILLE, coloured=True, inks=DARK, titled=True)


def many(*, log: bool, seed: int = 0) -> Figure:
    """Forty curves with gaps, values that no log axis has, one of a single point, and one that runs back."""
    random, series = np.random.default_rng(seed), []
    for place in range(40):
        x = np.sort(random.uniform(1.0, 1000.0, random.integers(1, 300)))
        y = 10.0 * x**-0.2 + random.normal(0, 0.3, len(x))
        y[random.random(len(y)) < 0.05] = random.choice([np.nan, -1.0, np.inf])
        series.append(line(x if place != 7 else x[::-1], y, label=f"{place}", colour=place))
    return replace(unit(*series), x=axis(1.0, 1000.0, log=log), y=axis(1.0, 12.0, log=log))


@pytest.mark.parametrize("many_points", [MANY, 0])
@pytest.mark.parametrize("log", [True, False])
def test_a_remembered_frame_is_the_fresh_one_whatever_came_before(
    log: bool, many_points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at point by point, and searched."""
    memory, figure = Memory(), many(log=log)
    longer = replace(figure, series=(*figure.series[:-2], *many(log=log, seed=1).series[-2:]))
    narrower = replace(longer, x=replace(longer.x, high=300.0), y=replace(longer.y, high=9.0))
    other = replace(narrower, x=replace(narrower.x, log=not log))
    for shown in (figure, figure, longer, narrower, other, figure):
        for size in ((80, 24), (50, 14)):
            fresh = draw(shown, *size, LOOK)
            with monkeypatch.context() as patch:
                patch.setattr(charts_memory, "MANY", many_points)
                kept = draw(shown, *size, LOOK, memory=memory)
            assert not kept.cells.changed(fresh.cells) and not fresh.cells.changed(kept.cells)


def grown(figure: Figure, seed: int) -> list[Figure]:
    """The figure as its lines grow, some at a time, each in longer views of its own memory; some begin anew."""
    random, frames = np.random.default_rng(seed), []
    points = [(each.x, each.y) for each in figure.series]
    lengths = np.array([random.integers(1, len(x) + 1) for x, _ in points])
    for _ in range(12):
        frames.append(replace(figure, series=tuple(
            replace(each, x=x[:length], y=y[:length])
            for each, (x, y), length in zip(figure.series, points, lengths.tolist(), strict=True)
        )))  # fmt: skip
        again = int(random.integers(len(points)))
        points[again] = points[again][0].copy(), points[again][1] + random.normal(0, 0.1)
        lengths = np.array([
            min(length + int(random.choice([0, 0, 1, 3, 40])), len(x))
            for length, (x, _) in zip(lengths.tolist(), points, strict=True)
        ])  # fmt: skip
        lengths[again] = random.integers(1, len(points[again][0]) + 1)
    return frames


@pytest.mark.parametrize("many_points", [MANY, 0])
@pytest.mark.parametrize("log", [True, False])
def test_a_line_that_goes_on_is_drawn_as_if_it_were_new(
    log: bool, many_points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its new points are rastered, and every cell is what it is without a memory, with and without colours."""
    monkeypatch.setattr(charts_memory, "MANY", many_points)
    monkeypatch.setattr(charts_memory, "TWICE", 8)
    for seed in range(4):
        memory = Memory()
        for shown in grown(many(log=log, seed=seed), seed):
            for look in (LOOK, replace(LOOK, coloured=False)):
                fresh, kept = draw(shown, 80, 24, look), draw(shown, 80, 24, look, memory=memory)
                assert not kept.cells.changed(fresh.cells) and not fresh.cells.changed(kept.cells)


def test_of_a_line_that_goes_on_the_new_points_alone_are_rastered(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, rastered = Memory(), []
    real = Memory._rastered
    monkeypatch.setattr(Memory, "_rastered", lambda self, lines, *rest: (rastered.append([len(x) for x, _ in lines]),
                                                                         real(self, lines, *rest))[1])  # fmt: skip
    x = np.linspace(1.0, 1000.0, 500)
    y = 10.0 * x**-0.2
    for length in (100, 101, 101, 150, 90, 500):
        shown = replace(unit(line(x[:length], y[:length])), x=axis(1.0, 1000.0, log=True), y=axis(1.0, 12.0))
        draw(shown, 80, 24, LOOK, memory=memory)
    # With the point that the new ones are joined to; of one that became shorter all.
    assert rastered == [[100], [2], [1], [50], [90], [411]]


def brute(figure: Figure, area: Layout, column: int, row: float) -> list[tuple[str, float, float]]:
    """What can be read at a column, every point of every series looked at."""
    found = []
    for series in figure.series:
        across, down = area.across(figure.x, series.x), area.down(figure.y, series.y)
        near = np.flatnonzero(inside(across, down, area) & (abs(across - column) <= view.NEAR))
        if len(near):
            here = near[np.argmin(abs(down[near] - row))]
            found.append((series.name, float(down[here]), float(series.x[here])))
            continue
        for first in range(len(across) - 2, -1, -1):
            left, right = across[first] - column, across[first + 1] - column
            if left * right <= 0 and left != right and np.isfinite(down[first : first + 2]).all():
                place = down[first] + left / (left - right) * (down[first + 1] - down[first])
                if -0.5 <= place < area.rows - 0.5:
                    found.append((series.name, float(place), np.nan))
                break
    return sorted(found, key=lambda each: each[1])


@pytest.mark.parametrize("log", [True, False])
def test_a_cursor_reads_what_looking_at_every_point_would(log: bool) -> None:
    figure = many(log=log)
    area = layout(figure, 80, 24, dots_of(GlyphSet.BRAILLE))
    for column in range(0, area.columns, 3):
        read, expected = view.Crossing(figure, area, column).readings(8.0), brute(figure, area, column, 8.0)
        if not expected:  # the nearest of all
            assert len(read) == 1
            continue
        assert [each.row for each in read] == pytest.approx([row for _, row, _ in expected])
        points = [(each.x, x) for each, (_, _, x) in zip(read, expected, strict=True) if not np.isnan(x)]
        assert all(x == exact for x, exact in points)


@pytest.mark.parametrize("log", [True, False])
def test_a_window_fits_its_values_whether_or_not_they_rise(log: bool) -> None:
    figure = many(log=log)
    span = view.span_of(figure.x, (0.5, 0.8))
    shown = view.seen(figure, span)
    low, high = shown.x.low, shown.x.high
    values = np.concatenate([each.y[(each.x >= low) & (each.x <= high)] for each in figure.series])
    values = values[(values >= figure.y.low) & (values <= figure.y.high)]
    assert shown.y.low <= values.min() and values.max() <= shown.y.high
    points = replace(figure, series=tuple(replace(each, mark=Mark.DOTS) for each in figure.series))
    assert view.seen(points, span).y == shown.y


def test_who_goes_back_to_the_axes_before_has_no_line_rastered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, figure, rastered = Memory(), many(log=True), []
    real = Memory._rastered
    monkeypatch.setattr(Memory, "_rastered", lambda self, series, *rest: (rastered.append(len(series)),
                                                                          real(self, series, *rest))[1])  # fmt: skip
    narrower = [replace(figure, x=replace(figure.x, high=300.0 + place)) for place in range(KEPT)]
    for shown in (figure, narrower[0], figure, *narrower, figure):
        draw(shown, 80, 24, LOOK, memory=memory)
    # The second look at it is kept; after KEPT others it is not.
    assert rastered == [40, 40, *[40] * (KEPT - 1), 40]
