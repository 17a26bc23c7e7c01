"""Wrong runs by name, in labs where it is known which run is wrong, and in clean ones."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import RunTable, diagnose, run_table
from scalelab.laws.diagnose import outliers
from scalelab.laws.diagnose.tangent import tangent_of
from tests.laws.simulated import lab

CLEAN_LABS = 150


def wronged(runs: RunTable, changes: dict[int, float]) -> RunTable:
    """The runs with some losses off by these shares."""
    loss = runs.loss.copy()
    for index, share in changes.items():
        loss[index] *= 1 + share
    return replace(runs, loss=loss)


def named(runs: RunTable, law: str = "chinchilla-tied") -> set[int]:
    return set(np.flatnonzero(outliers.find(tangent_of(runs, laws.fit(runs, law)))).tolist())


@pytest.mark.parametrize("n_runs", [9, 16, 25])
def test_clean_labs_are_accused_less_than_one_time_in_twenty(n_runs: int) -> None:
    accused = sum(bool(named(lab(n_runs, seed=seed))) for seed in range(CLEAN_LABS))
    assert accused / CLEAN_LABS <= 0.05


@pytest.mark.parametrize("share", [0.05, 0.10, -0.05])
def test_one_wrong_run_among_sixteen_is_found_and_no_other_blamed(share: float) -> None:
    found = blamed = 0
    for seed in range(1000, 1100):
        at = seed % 16
        got = named(wronged(lab(16, seed=seed), {at: share}))
        found += at in got
        blamed += bool(got - {at})
    assert found >= 95
    assert blamed <= 5


def test_two_wrong_runs_do_not_hide_each_other() -> None:
    both = sum(named(wronged(lab(25, seed=seed), {6: 0.08, 8: 0.08})) == {6, 8} for seed in range(25))
    assert both >= 22


def test_a_wrong_run_is_named_with_its_sign_and_size() -> None:
    for objective in ("huber", "hoffmann", "least-squares"):
        runs = wronged(lab(25, seed=1), {11: -0.10})
        seen = diagnose(runs, laws.fit(runs, "chinchilla", objective))
        assert [run.run for run in seen.outliers] == ["run-12"]
        assert np.expm1(seen.outliers[0].off) == pytest.approx(-0.10, abs=0.02)
        assert seen.outliers[0].t < -8
        assert seen.sentences()[0].startswith("run-12 lies ")
        assert "% below what the other 24 runs say" in seen.sentences()[0]
        assert "look at its log, or run it again" in seen.sentences()[0]


def test_a_run_of_little_weight_may_scatter_more() -> None:
    runs = wronged(lab(25, seed=4), {12: 0.03})
    light = replace(runs, weight=np.where(np.arange(25) == 12, 1 / 60, 1.0))
    assert named(runs) == {12}
    assert named(light) == set()


def test_nothing_is_removed_from_the_runs() -> None:
    runs = wronged(lab(16, seed=0), {3: 0.5})
    before = runs.loss.copy()
    diagnose(runs, laws.fit(runs))
    assert len(runs) == 16
    assert (runs.loss == before).all()


def test_exact_losses_accuse_nobody_but_the_one_that_is_not_exact() -> None:
    exact = lab(25, noise=0.0)
    assert named(exact, "chinchilla") == set()
    assert named(wronged(exact, {7: 0.001}), "chinchilla") == {7}


def test_too_few_spare_runs_name_nobody() -> None:
    runs = wronged(lab(9, seed=0), {4: 0.5})
    six = run_table(n_params=runs.n_params[:6], n_tokens=runs.n_tokens[:6], loss=runs.loss[:6])
    assert named(six, "power") == set()


def test_the_runs_set_aside_from_the_public_chinchilla_table_are_all_named(shared_data: Path) -> None:
    with (shared_data / "chinchilla_epoch.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    n, d, loss = (np.array([float(row[key]) for row in rows]) for key in ("n_params", "tokens", "loss"))
    runs = run_table(n_params=n, n_tokens=d, loss=loss, run_id=[row["run_id"] for row in rows])
    aside = {row["run_id"] for row in rows if row["outlier"] == "1"}
    assert len(aside) == 5
    for law in ("power", "chinchilla", "coupled"):
        seen = diagnose(runs, laws.fit(runs, law))
        assert {run.run for run in seen.outliers} >= aside
        assert len(seen.outliers) <= 10
