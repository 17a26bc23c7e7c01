"""What a lab says as its runs come in: never an exception, always what is known and what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import Assessment, Exclusion, run_table

from ..simulated import chinchilla_loss, grid, lab

ORDER = np.random.default_rng(5).permutation(25)


@pytest.mark.parametrize("count", range(12))
def test_a_growing_lab_always_has_something_to_say(count: int) -> None:
    seen = laws.assess(lab(25, seed=1).take(ORDER[:count]))
    assert seen.n_runs == count
    assert seen.verdicts
    assert Assessment.from_json(seen.to_json()) == seen
    fitted = {fit.law for fit in seen.fits}
    assert ("power" in fitted, "chinchilla" in fitted, "coupled" in fitted) == (count >= 6, count >= 8, count >= 9)
    assert all(missing.runs_needed > 0 and missing.reason for missing in seen.missing)
    if count < 6:
        assert seen.best is None
        with pytest.raises(BadInput, match="no law"):
            seen.predict(1e9, 1e10)
    else:
        told = seen.predict(1e9, 1e10)
        assert 0 < told.low < told.loss < told.high


def test_hopeless_tables_are_described_not_refused() -> None:
    n, d = grid(16)
    nothing = run_table(n_params=[], n_tokens=[], loss=[], excluded=[Exclusion(run="x", reason="diverged")])
    assert laws.assess(nothing).verdicts[-1] == "1 run left out"
    for table in (
        run_table(n_params=np.full(16, 1e8), n_tokens=d, loss=chinchilla_loss(1e8, d)),
        run_table(n_params=n, n_tokens=d, loss=np.full(16, 3.0)),
        run_table(n_params=n, n_tokens=d, loss=np.full(16, np.nan)),
    ):
        seen = laws.assess(table)
        assert seen.best is None
        assert seen.verdicts[0].startswith("no law yet")


def test_unknown_names_are_refused() -> None:
    for options in ({"laws": ("chinchila",)}, {"objective": "mse"}):
        with pytest.raises(BadInput):
            laws.assess(lab(9), **options)


def test_few_runs_are_chosen_by_aicc_and_many_hold_a_contest() -> None:
    few = laws.assess(lab(25, seed=2).take(ORDER[:12]))
    assert few.best in ("chinchilla", "chinchilla-tied")
    assert "by AICc" in few.reason
    asked = laws.assess(lab(25, seed=2).take(ORDER[:12]), laws=("kaplan+E", "kaplan"))
    assert asked.best == "kaplan+E" and "the first that was asked for" in asked.reason
    many = laws.assess(lab(48, seed=2))
    assert many.best in ("chinchilla", "chinchilla-tied", "coupled")
    assert "held back" in many.reason
    errors = {score.law: score.held_back for score in many.scores}
    assert errors["power"] > 3 * errors["chinchilla"]


def test_prediction_ten_times_further_covers_the_truth_with_its_interval() -> None:
    hits = 0
    for seed in range(20):
        seen = laws.assess(lab(16, seed=50 + seed))
        assert seen.optimum is not None
        truth = chinchilla_loss(seen.optimum.n_params, seen.optimum.n_tokens)
        hits += seen.optimum.low <= truth <= seen.optimum.high
    assert hits >= 18


def test_prediction_interval_adds_its_three_parts() -> None:
    seen = laws.assess(lab(25, seed=3, noise=0.02))
    told = seen.predict(1e10, 2e11)
    se = np.sqrt(told.parameters**2 + told.forms**2 + told.held_back**2)
    assert told.high / told.loss == pytest.approx(np.exp(seen.panel.t_quantile * se))
    assert min(told.parameters, told.forms, told.held_back) > 0
    near = seen.predict(1e8, 2e9)
    assert near.forms < told.forms


def test_optimum_is_at_ten_times_the_largest_compute() -> None:
    runs = lab(25)
    seen = laws.assess(runs)
    assert seen.optimum is not None
    assert seen.optimum.flops == pytest.approx(10 * runs.compute.max())
    assert seen.optimum == seen.frontier(seen.optimum.flops)


def test_curvature_is_found_where_there_is_a_floor_and_not_where_there_is_none() -> None:
    assert laws.curvature_test(lab(8 * 6)).sentence().startswith("the power law bends")
    n, d = grid(25)
    found = 0
    for seed in range(60):
        noise = np.exp(0.005 * np.random.default_rng(seed).standard_normal(25))
        found += laws.curvature_test(run_table(n_params=n, n_tokens=d, loss=30 * n**-0.06 * d**-0.05 * noise)).bends
    assert found <= 8  # 5 % of 60, and four standard errors
    assert laws.curvature_test(lab(25).take(np.arange(8))) is None


def test_hold_out_leaves_out_what_it_says_and_tells_the_miss() -> None:
    runs = lab(16, seed=4, noise=0.002)
    largest = laws.hold_out(runs, "chinchilla", "largest-run")
    assert (largest.left_out, largest.n_fitted) == (("run-16",), 15)
    assert largest.error == pytest.approx(abs(largest.predicted[0] / runs.loss[15] - 1))
    assert largest.error < 0.02
    budget = laws.hold_out(runs, "chinchilla", "largest-budget")
    assert budget.left_out == ("run-4", "run-8", "run-12", "run-16")
    power = laws.hold_out(runs, "power", "largest-budget")
    assert power.bias < 0
    assert power.error > budget.error
    with pytest.raises(BadInput, match="cannot hold out"):
        laws.hold_out(runs, held="smallest")
    with pytest.raises(BadInput, match="there are 6 runs"):
        laws.hold_out(lab(9), "chinchilla", "largest-budget")


def test_an_assessment_holds_out_what_predicts_and_what_is_shown() -> None:
    runs = lab(16, seed=6, noise=0.002)
    seen = laws.assess(runs)
    by = {(item.law, item.held): item for item in seen.hold_outs}
    assert {law for law, _ in by} == {"panel", "power", seen.best}
    for (law, _), item in by.items():
        out = np.isin(runs.run_id, item.left_out)
        assert item.n_fitted == 16 - out.sum()
        np.testing.assert_array_equal(item.observed, runs.loss[out])
        if law == "panel":
            from_rest = laws.assess(runs.take(~out), laws=[member.law for member in seen.panel.members])
            told = [from_rest.predict(n, d).loss for n, d in zip(runs.n_params[out], runs.n_tokens[out], strict=True)]
            np.testing.assert_allclose(item.predicted, told, rtol=2e-3)


def test_a_stored_assessment_predicts_without_scipy() -> None:
    code = (
        "import sys; from scalelab import laws; seen = laws.Assessment.from_json(sys.stdin.read());"
        "p = seen.predict(1e9, 1e10); seen.frontier(1e20); seen.fit().band([1e8, 1e9], 1e10);"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('scipy', 'torch', 'pydantic', 'sqlite3', 'textual')];"
        "assert not bad, bad; print(repr(p.loss))"
    )
    seen = laws.assess(lab(16))
    out = subprocess.run([sys.executable, "-c", code], input=seen.to_json(), capture_output=True, text=True, check=True)
    assert float(out.stdout) == seen.predict(1e9, 1e10).loss


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 20), seed=st.integers(0, 2**32 - 1), width=st.sampled_from([0.0, 1e-5, 2.0, 25.0]),
    losses=st.sampled_from(["noise", "wild", "two values", "power", "nearly equal"]), ratio=st.booleans(),
)  # fmt: skip
def test_no_numbers_make_it_raise_or_say_what_json_cannot_hold(
    count: int, seed: int, width: float, losses: str, ratio: bool
) -> None:
    rng = np.random.default_rng(seed)
    n = 10 ** rng.uniform(5, 5 + width, count)
    d = 20 * n if ratio else 10 ** rng.uniform(6, 6 + width, count)
    loss = {
        "noise": rng.uniform(1, 10, count),
        "wild": 10 ** rng.uniform(-300, 300, count),
        "two values": rng.choice([2.0, 3.0], count),
        "power": 30 * n**-0.05 * d**-0.05,
        "nearly equal": 3 + 1e-8 * rng.random(count),
    }[losses]
    seen = laws.assess(run_table(n_params=n, n_tokens=d, loss=loss))
    assert Assessment.from_json(seen.to_json()) == seen
    if seen.best is not None:
        told = seen.predict(1e9, 1e10)
        assert told.low <= told.loss <= told.high


def test_where_n_and_d_moved_together_only_compute_is_told() -> None:
    n = np.geomspace(1e7, 1e10, 12)
    noise = np.exp(0.003 * np.random.default_rng(1).standard_normal(12))
    for spread, together in ((0.0, True), (0.02, True), (0.6, False)):
        d = 20 * n * np.exp(spread * np.random.default_rng(0).standard_normal(12))
        seen = laws.assess(run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * noise))
        assert (seen.compute_law is not None) == together
        assert seen.verdicts[0].startswith("N and D moved together") == together
        assert ("a run of N" in seen.verdicts[0]) or not together


def test_a_law_whose_parameters_the_runs_do_not_tell_apart_is_not_shown(shared_data: Path) -> None:
    ladder = laws.read_runs(shared_data / "olmo_ladder.csv", where="series=ladder")
    seen = laws.assess(ladder)
    assert seen.fit("coupled").verdict == "withhold"
    assert seen.fit().verdict != "withhold"
    assert seen.best != "power"
    assert seen.compute_law is None


def test_laws_that_another_version_kept_are_not_read_as_ours() -> None:
    seen = laws.assess(lab(16))
    kept = json.loads(seen.to_json())
    assert Assessment.kept(json.dumps(kept)) == seen
    for version in (kept | {"version": 1}, {key: value for key, value in kept.items() if key != "version"}):
        assert Assessment.kept(json.dumps(version)) is None
        with pytest.raises(BadInput, match="another version"):
            Assessment.from_json(json.dumps(version))
