"""Points that are none: flagged with the filter that drops them, and left where they are."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import Diagnosis, RunTable, diagnose, run_table
from scalelab.laws.diagnose.transients import Kind, in_step, sane_range
from tests.laws.simulated import chinchilla_loss, lab


def with_short_runs(excess: float, seed: int = 0) -> RunTable:
    """A lab with four more runs of half a token a parameter, whose loss lies above the law by this much."""
    base = lab(25, seed=seed)
    base = base.take(base.n_tokens > base.n_params)
    n = np.geomspace(1e8, 8e8, 4)
    noise = np.exp(0.005 * np.random.default_rng(seed + 1).standard_normal(4))
    return run_table(
        n_params=np.append(base.n_params, n), n_tokens=np.append(base.n_tokens, n / 2),
        loss=np.append(base.loss, chinchilla_loss(n, n / 2) * (1 + excess) * noise),
    )  # fmt: skip


def seen_in(runs: RunTable, law: str = "chinchilla-tied") -> Diagnosis:
    return diagnose(runs, laws.fit(runs, law))


def test_runs_of_less_than_a_token_a_parameter_are_flagged_and_their_excess_told() -> None:
    seen = seen_in(with_short_runs(0.04), "chinchilla")
    few = next(item for item in seen.transients if item.kind is Kind.FEW_TOKENS)
    assert few.n_runs == 4
    assert few.bound == 1.0
    said = next(said for said in seen.sentences() if "fewer tokens than parameters" in said)
    assert "tokens/n_params between 1 and 2000" in said
    assert seen.n_runs == len(with_short_runs(0.04))
    if few.matters:
        assert few.shift == pytest.approx(0.04, abs=0.03)


def test_short_runs_that_follow_the_law_are_mentioned_mildly() -> None:
    calm = [seen_in(with_short_runs(0.0, seed)) for seed in range(20)]
    assert sum(any(item.matters for item in seen.transients) for seen in calm) <= 1
    assert any(said.endswith("would leave them out") for said in calm[0].sentences())


def test_the_sane_range_narrows_around_a_bulk_that_is_far_from_a_limit() -> None:
    assert sane_range(np.full(9, 20.0)) == (1.0, 2000.0)
    assert sane_range(np.full(9, 500.0)) == (5.0, 2000.0)
    assert sane_range(np.full(9, 2.0)) == (1.0, 200.0)


def test_rates_that_were_not_annealed_are_flagged_even_where_they_follow_a_law() -> None:
    share = np.where(np.arange(16) < 5, 1.0, 0.1)
    seen = seen_in(replace(lab(16, seed=3), lr_share=share))
    flagged = next(item for item in seen.transients if item.kind is Kind.NOT_ANNEALED)
    assert flagged.n_runs == 5
    assert any("5 of 16 runs ended at more than 30 % of the peak rate" in said for said in seen.sentences())
    assert any("--where 'lr_share < 0.3'" in said for said in seen.sentences())
    unknown = replace(lab(16, seed=3), lr_share=np.full(16, np.nan))
    assert not any(item.kind is Kind.NOT_ANNEALED for item in seen_in(unknown).transients)


def test_where_no_run_was_annealed_no_filter_is_advised() -> None:
    said = seen_in(replace(lab(16, seed=3), lr_share=np.ones(16))).sentences()
    assert any("16 of 16 runs ended at" in one and "a law of these is none of finished runs" in one for one in said)
    assert not any("lr_share <" in one for one in said)


def test_the_filter_of_the_sentence_leaves_the_others(tmp_path: Path) -> None:
    runs = with_short_runs(0.04)
    table = tmp_path / "runs.csv"
    rows = zip(runs.n_params, runs.n_tokens, runs.loss, strict=True)
    table.write_text("n_params,tokens,loss\n" + "".join(f"{n},{d},{loss}\n" for n, d, loss in rows))
    said = next(one for one in seen_in(runs).sentences() if "fewer tokens" in one)
    assert len(laws.read_runs(table, where=said.split("'")[1])) == len(runs) - 4


def test_budgets_at_equal_distances_look_like_checkpoints_unless_the_rate_is_known() -> None:
    n, d = (part.ravel() for part in np.meshgrid([1e8, 3e8, 9e8], 1e9 * np.arange(1, 9), indexing="ij"))
    runs = run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d))
    assert in_step(runs).all()
    seen = seen_in(runs)
    assert any("as checkpoints of one run have (such as run-1)" in said for said in seen.sentences())
    annealed = seen_in(replace(runs, lr_share=np.full(24, 0.1)))
    assert not any(item.kind is Kind.CHECKPOINTS for item in annealed.transients)
    assert not in_step(lab(48)).any()
    assert not in_step(runs.take(np.arange(5))).any()


def test_public_tables_of_checkpoints_are_known_as_such_and_ladders_are_not(shared_data: Path) -> None:
    def table(name: str, series: str) -> RunTable:
        with (shared_data / f"{name}.csv").open() as stream:
            rows = [row for row in csv.DictReader(stream) if row["series"] == series]
        n, d, loss = (np.array([float(row[key]) for row in rows]) for key in ("n_params", "tokens", "loss"))
        return run_table(n_params=n, n_tokens=d, loss=loss)

    assert in_step(table("gemstones", "hot")).mean() > 0.9
    assert not in_step(table("olmo_ladder", "ladder")).any()
    assert not in_step(table("chinchilla_epoch", "chinchilla")).any()
