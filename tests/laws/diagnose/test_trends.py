"""Residuals that lean: seen where one end of a table is known to lie off, and not where nothing does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import RunTable, diagnose
from scalelab.laws.diagnose.tangent import tangent_of
from scalelab.laws.diagnose.trends import Group, Trend, leaning, trends
from tests.laws.simulated import lab


def lean(runs: RunTable, law: str = "chinchilla-tied") -> list[Trend]:
    return leaning(trends(runs, tangent_of(runs, laws.fit(runs, law))))


def largest_off(share: float, seed: int) -> RunTable:
    """Forty-eight runs of which the seven most expensive lie off by this share."""
    runs = lab(48, seed=seed)
    top = np.argsort(runs.compute)[-7:]
    loss = runs.loss.copy()
    loss[top] *= 1 + share
    return replace(runs, loss=loss)


@pytest.mark.parametrize("n_runs", [16, 48])
def test_clean_labs_lean_less_than_one_time_in_twenty(n_runs: int) -> None:
    assert sum(bool(lean(lab(n_runs, seed=seed))) for seed in range(120)) <= 6


def test_largest_runs_above_the_law_are_heard_of_first_with_the_size() -> None:
    shifts = []
    for seed in range(10):
        found = {trend.group: trend for trend in lean(largest_off(0.03, seed))}
        if Group.MOST_COMPUTE in found:
            shifts.append(found[Group.MOST_COMPUTE].shift)
    assert len(shifts) >= 9
    assert np.median(shifts) == pytest.approx(0.03, abs=0.008)
    seen = diagnose(largest_off(0.03, 1), laws.fit(largest_off(0.03, 1), "chinchilla-tied"))
    said = next(said for said in seen.sentences() if "with most compute" in said)
    assert "% above the law of the others" in said
    assert said.endswith("expect the same beyond them")


def test_a_plain_power_law_of_bent_runs_is_said_not_to_bend_enough() -> None:
    runs = lab(48, seed=0)
    seen = diagnose(runs, laws.fit(runs, "power"))
    assert any(trend.leans and trend.shift > 0.01 for trend in seen.trends)
    assert any(said.endswith("the form does not bend as the runs do") for said in seen.sentences())


def test_one_wrong_run_at_an_end_is_an_outlier_and_no_trend() -> None:
    leaned = 0
    for seed in range(30):
        runs = lab(48, seed=seed)
        loss = runs.loss.copy()
        loss[np.argsort(runs.compute)[-3]] *= 1.08
        wrong = replace(runs, loss=loss)
        leaned += bool(leaning(diagnose(wrong, laws.fit(wrong, "chinchilla-tied")).trends))
    assert leaned <= 3


def test_tables_too_small_to_have_ends_are_not_tested() -> None:
    runs = lab(9).take(np.array([0, 1, 3, 5, 7, 8]))
    assert trends(runs, tangent_of(runs, laws.fit(runs, "power"))) == ()
