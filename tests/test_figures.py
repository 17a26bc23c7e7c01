"""What is in each figure: the data that plotext, the app and HTML all draw."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab import figures, laws
from scalelab.figures import Along, Axis, Mark, Notation, Role
from scalelab.figures.axis import around
from scalelab.figures.curves import MovingMean, smoothed
from scalelab.figures.ladder import chosen, rungs_of
from scalelab.records import Point
from tests.report.fixed import runs, subject
from tests.simulated import CPU, SMALL


@pytest.fixture(scope="module")
def seen() -> laws.Assessment:
    return subject().assessment


def test_loss_against_compute_has_a_curve_and_dots_for_every_size(seen: laws.Assessment) -> None:
    figure = figures.loss_against_compute(runs(), seen)
    curves = [each for each in figure.series if each.role is Role.ISO_N]
    dots = [each for each in figure.series if each.role is Role.RUNS]
    assert [each.label for each in curves] == ["8.03k", "15.3k", "29.1k", "52.8k", "119k"]
    assert [each.colour for each in curves] == [each.colour for each in dots] == [0, 1, 2, 3, 4]
    assert sum(len(each.x) for each in dots) == 20
    assert sorted(name for each in dots for name in each.points) == sorted(runs().run_id)


def test_a_sizes_curve_goes_through_the_law_at_its_own_runs(seen: laws.Assessment) -> None:
    table = runs()
    figure = figures.loss_against_compute(table, seen)
    curve = next(each for each in figure.series if each.role is Role.ISO_N and each.colour == 2)
    own = table.take(np.isclose(table.n_params, 29056))
    between = np.exp(np.interp(np.log(own.compute), np.log(curve.x), np.log(curve.y)))
    np.testing.assert_allclose(between, seen.loss(own.n_params, own.n_tokens), rtol=1e-3)


def test_frontier_and_forecast_lie_on_the_figure(seen: laws.Assessment) -> None:
    points = [seen.frontier(flops) for flops in (1e10, 1e11, 1e12, 9e12)]
    figure = figures.loss_against_compute(runs(), seen, points, seen.optimum)
    forecast = next(each for each in figure.series if each.role is Role.FORECAST)
    assert seen.optimum is not None
    assert forecast.low is not None
    assert (forecast.x[0], forecast.y[0], forecast.low[0]) == (seen.optimum.flops, seen.optimum.loss, seen.optimum.low)
    for each in figure.series:
        assert np.all((figure.x.place(each.x) >= 0) & (figure.x.place(each.x) <= 1))
        assert np.all((figure.y.place(each.y) >= 0) & (figure.y.place(each.y) <= 1))


def test_without_a_law_there_are_dots_alone() -> None:
    assert {each.role for each in figures.loss_against_compute(runs()).series} == {Role.RUNS}


def test_a_long_ladder_shows_seven_curves_and_all_dots(seen: laws.Assessment) -> None:
    n_params = np.geomspace(1e4, 1e6, 30)
    table = laws.run_table(n_params=n_params, n_tokens=n_params * 20, loss=3.0 - np.log10(n_params) / 10)
    figure = figures.loss_against_compute(table, seen)
    assert sum(each.role is Role.ISO_N for each in figure.series) == 7
    assert sum(len(each.x) for each in figure.series if each.role is Role.RUNS) == 30


def test_residuals_are_percent_above_the_law(seen: laws.Assessment) -> None:
    fit = seen.fit("chinchilla")
    figure = figures.residuals(runs(), fit)
    found = {name: value for each in figure.series for name, value in zip(each.points, each.y, strict=False)}
    for name, residual in zip(fit.run_id, fit.residuals, strict=True):
        assert found[name] == pytest.approx(100 * math.expm1(residual), abs=1e-9)
    assert figure.y.low == -figure.y.high


def test_surface_is_the_law_on_its_grid(seen: laws.Assessment) -> None:
    fit = seen.fit("chinchilla")
    drawn = figures.surface(runs(), fit, [seen.frontier(1e11), seen.frontier(1e12)], columns=30, rows=20)
    assert drawn.loss.shape == (20, 30)
    assert drawn.loss[3, 5] == pytest.approx(float(fit.loss(drawn.n_params[5], drawn.n_tokens[3])))
    assert list(drawn.levels) == sorted(drawn.levels, reverse=True)
    assert drawn.loss.min() < min(drawn.levels) and max(drawn.levels) < drawn.loss.max()
    assert [each.role for each in drawn.series] == [Role.FRONTIER, Role.RUNS]


def points(run: str, losses: list[float]) -> list[Point]:
    return [
        Point(
            run=run,
            attempt=1,
            step=step,
            n_tokens=512 * step,
            loss=loss,
            lr=0.1,
            grad_norm=1.0,
            tokens_per_second=1e4,
            seconds=0.05 * step,
        )
        for step, loss in enumerate(losses, 1)
    ]


@pytest.mark.parametrize("along", list(Along))
def test_loss_curves_run_along_what_was_asked(along: Along) -> None:
    from scalelab import plan, preset_files

    made = plan.make_plan(preset_files.loads(SMALL, "a test"), CPU)
    spec = made.runs[0]
    figure = figures.loss_curves({spec.run: points(spec.run, [5.0, 4.0, 3.0])}, made.runs, along=along)
    line = figure.series[0]
    ends = {Along.TOKENS: 1536.0, Along.FLOPS: 1536 * spec.flops_per_token, Along.STEPS: 3.0, Along.SECONDS: 0.15}
    assert line.x[-1] == pytest.approx(ends[along])
    assert (line.mark, line.label, line.colour) == (Mark.LINE, "12x1", 0)


def test_smoothing_keeps_gaps_and_does_not_start_at_zero() -> None:
    out = smoothed(np.array([4.0, np.nan, 4.0, 2.0]), 0.5)
    assert out[0] == 4.0
    assert np.isnan(out[1])
    assert out[2] == 4.0
    assert 2.0 < out[3] < 4.0


@pytest.mark.parametrize("length", [1, 127, 128, 129, 1000])
@pytest.mark.parametrize("weight", [0.5, 0.8, 0.97])
def test_smoothing_is_the_mean_that_one_step_after_the_other_gives(length: int, weight: float) -> None:
    values = np.random.default_rng(length).normal(3.0, 1.0, length)
    values[5:8] = np.nan
    values[90:91] = np.inf
    mean = seen = 0.0
    for value, smooth in zip(values, smoothed(values, weight), strict=True):
        if np.isfinite(value):
            mean, seen = weight * mean + (1 - weight) * value, weight * seen + (1 - weight)
            assert smooth == pytest.approx(mean / seen, rel=1e-12)
        else:
            assert np.isnan(smooth)


@pytest.mark.parametrize("weight", [0.0, 0.8, 0.97])
def test_smoothing_goes_on_where_it_was(weight: float) -> None:
    values = np.random.default_rng(7).normal(3.0, 1.0, 700)
    values[[0, 5, 6, 299, 300]] = np.nan
    mean = MovingMean(weight)
    found = np.concatenate([mean.of(part) for part in np.split(values, [1, 2, 2, 65, 300, 301, 640])])
    assert found == pytest.approx(smoothed(values, weight), rel=1e-12, nan_ok=True)


def test_series_go_to_json(seen: laws.Assessment) -> None:
    figure = figures.loss_against_compute(runs(), seen, [], seen.optimum)
    assert json.loads(json.dumps([each.to_dict() for each in figure.series]))


@given(st.floats(1e-6, 1e15), st.floats(1.001, 1e12), st.integers(2, 12), st.booleans())
def test_ticks_lie_inside_and_are_not_too_many(low: float, factor: float, most: int, log: bool) -> None:
    axis = Axis(label="x", low=low, high=low * factor, log=log, notation=Notation.COUNT)
    ticks = axis.ticks(most)
    assert len(ticks) <= max(most, 3) + 1
    shares = axis.place([place for place, _ in ticks])
    assert np.all((shares > -1e-6) & (shares < 1 + 1e-6))
    assert len({place for place, _ in ticks}) == len(ticks)


@pytest.mark.parametrize(("low", "high", "words"), [
    (1e9, 1e13, ["1e9", "1e10", "1e11", "1e12", "1e13"]), (2e9, 6e11, ["3e9", "1e10", "3e10", "1e11", "3e11"]),
])  # fmt: skip
def test_powers_of_ten_are_written_as_powers(low: float, high: float, words: list[str]) -> None:
    axis = Axis(label="C", low=low, high=high, log=True, notation=Notation.POWER)
    assert [word for _, word in axis.ticks(5)] == words


@given(st.floats(1e-3, 1e24), st.floats(1.05, 1e6), st.booleans())
def test_a_tick_is_written_as_the_value_that_it_stands_at(low: float, by: float, log: bool) -> None:
    """The wide steps of a linear axis too: 1.5e10 is not 2e10."""
    axis = Axis(label="C", low=low, high=low * by, log=log, notation=Notation.POWER)
    ticks = axis.ticks(8)
    assert len({word for _, word in ticks}) == len(ticks)
    assert all(float(word) == pytest.approx(place, rel=5e-3) for place, word in ticks)


def test_losses_have_one_number_of_decimals() -> None:
    axis = Axis(label="loss", low=1.9, high=3.6, log=True)
    words = [word for _, word in axis.ticks(5)]
    assert len({len(word.partition(".")[2]) for word in words}) == 1


@given(st.floats(1e-6, 1e15), st.floats(1.001, 1e12), st.booleans())
def test_a_stepped_axis_holds_the_range_with_little_room_and_is_that_of_ranges_a_little_smaller(
    low: float, by: float, log: bool
) -> None:
    whole = Axis(label="x", low=low, high=low * by, log=log).stepped()
    scale = math.log if log else float
    width = scale(whole.high) - scale(whole.low)
    for end, other in ((whole.low, low), (low * by, whole.high)):
        assert end <= other and scale(other) - scale(end) <= width / 32
    # Every range between the steps within the ends and the ends themselves has this axis.
    shares = [scale(low) + (scale(low * by) - scale(low)) * share for share in (0.0, 0.001, 0.002)]
    first = [Axis(label="x", low=math.exp(each) if log else each, high=low * by, log=log).stepped().low
             for each in shares]  # fmt: skip
    assert len(set(first)) <= 2


@given(st.lists(st.floats(), max_size=8), st.booleans())
def test_a_range_is_never_empty(values: list[float], log: bool) -> None:
    low, high = around(values, log=log)
    assert math.isfinite(low) and math.isfinite(high)
    assert low < high
    assert low > 0 or not log


def test_rungs_within_a_thousandth_are_one() -> None:
    sizes, place = rungs_of(np.array([200.0, 100.0, 100.05, 200.0]))
    assert place.tolist() == [1, 0, 0, 1]
    assert sizes.tolist() == pytest.approx([100.025, 200.0])


def test_chosen_keeps_both_ends() -> None:
    assert chosen(3, 7) == [0, 1, 2]
    assert chosen(30, 7)[0] == 0 and chosen(30, 7)[-1] == 29


def test_colours_are_distinct_and_a_rung_keeps_its_own() -> None:
    assert len({colour.xterm for colour in figures.PALETTE}) == len(figures.PALETTE) == 7
    assert figures.colour_of(8) == figures.colour_of(1)
    assert figures.colour_of(None).name == "grey"


def test_the_contest_ranks_the_laws_and_tells_the_chosen_one(seen: laws.Assessment) -> None:
    figure = figures.contest(seen.scores, seen.best)
    errors = {score.law: 100 * score.held_back for score in seen.scores if score.held_back is not None}
    assert {each.name: float(each.x[0]) for each in figure.series} == pytest.approx(errors)
    tops = sorted(figure.series, key=lambda each: -float(each.y[0]))
    assert [each.name for each in tops] == sorted(errors, key=lambda law: errors[law])
    assert [each.name for each in figure.series if each.role is Role.CHOSEN] == [seen.best]
    assert [name for _, name in figure.y.ticks()] == [each.name for each in reversed(tops)]


def test_without_held_back_runs_the_contest_is_empty_and_aicc_is_not(seen: laws.Assessment) -> None:
    from dataclasses import replace

    scores = [replace(score, held_back=None) for score in seen.scores]
    assert figures.contest(scores, seen.best).empty
    ranked = figures.criterion(scores, seen.best)
    assert min(float(each.x[0]) for each in ranked.series) == 0.0


def test_a_missing_aicc_is_not_written(seen: laws.Assessment) -> None:
    from dataclasses import replace

    figure = figures.contest([replace(seen.scores[0], aicc=None)])
    assert "AICc" not in figure.series[0].label


def test_the_optimal_split_has_bands_and_the_minima_beside() -> None:
    flops = np.geomspace(1e18, 1e21, 5)
    n, d = 0.1 * flops**0.5, flops**0.5 / 0.6
    band = figures.Grown(value=n, low=n / 1.2, high=n * 1.2)
    figure = figures.optimal_split(flops, band, figures.Grown(value=d), (flops[:2], n[:2]))
    lines = {each.label: each for each in figure.series if each.role is Role.OPTIMUM}
    assert lines["N*"].low is not None and lines["D*"].low is None
    assert [len(each.x) for each in figure.series if each.role is Role.MINIMUM] == [2]
    assert figure.y.low < n.min() / 1.2 and d.max() < figure.y.high


def test_a_band_that_runs_away_does_not_flatten_the_line() -> None:
    flops = np.geomspace(1e18, 1e21, 5)
    n = flops**0.5
    figure = figures.optimal_split(flops, figures.Grown(value=n, low=n / 1e30, high=n * 1e30), figures.Grown(value=n))
    assert figure.y.high / figure.y.low < 1e6


def test_exponents_stand_in_order_with_whiskers() -> None:
    given_ = [figures.Interval(name="a", value=0.5, low=0.4, high=0.6), figures.Interval(name="b", value=0.49, low=None,
                                                                                        high=None)]  # fmt: skip
    first, second = figures.exponents(given_).series
    assert float(first.y[0]) > float(second.y[0])
    assert first.x_low is not None and second.x_low is None
    assert first.label == "0.500"


def levels() -> laws.RunTable:
    """Four levels of compute, seven sizes each, of a known law."""
    from tests.laws.simulated import chinchilla_loss

    c = np.repeat(np.geomspace(1e18, 1e20, 4), 7)
    n = np.sqrt(c / 6) / 4.5 * np.tile(np.geomspace(0.25, 4, 7), 4)
    return laws.run_table(n_params=n, n_tokens=c / 6 / n, loss=chinchilla_loss(n, c / 6 / n))


def test_isoflop_curves_go_through_their_runs_down_to_the_minimum() -> None:
    table = levels()
    found = laws.iso_flop(table)
    figure = figures.iso_flop(table, found)
    minima = [each for each in figure.series if each.role is Role.MINIMUM]
    curves = [each for each in figure.series if each.mark is Mark.LINE]
    dots = [each for each in figure.series if each.role is Role.ISO_C and each.mark is Mark.DOTS]
    assert len(minima) == len(found.used) and len(curves) == len(dots) == 4
    for curve, lowest, level in zip(curves, minima, found.used, strict=True):
        assert (lowest.x[0], lowest.y[0]) == (level.n_params, level.loss)
        assert float(curve.y.min()) == pytest.approx(level.loss, rel=2e-4)
    assert sum(len(each.x) for each in dots) == len(table)


def test_a_long_ladder_keeps_its_order_in_its_colours() -> None:
    from scalelab.figures.ladder import by_shade, shade

    assert [shade(rung, 5) for rung in range(5)] == [0, 1, 2, 3, 4]
    shades = [shade(rung, 30) for rung in range(30)]
    assert shades == sorted(shades) and set(shades) == set(range(7))
    groups = by_shade(np.geomspace(1e6, 1e9, 30))
    assert sum(int(own.sum()) for _, _, own in groups) == 30
    assert groups[0][1].startswith("1M to ")


def test_contours_lie_where_the_law_has_their_loss(seen: laws.Assessment) -> None:
    fit = seen.fit("chinchilla")
    drawn = figures.surface(runs(), fit, columns=30, rows=200)
    lines = [each for each in figures.contours(drawn).series if each.role is Role.CONTOUR]
    assert [float(each.label) for each in lines] == list(drawn.levels)
    for line in lines:
        good = np.isfinite(line.y)
        assert good.any()
        np.testing.assert_allclose(fit.loss(line.x[good], line.y[good]), float(line.label), rtol=1e-3)
