"""The whole diagnosis: strict JSON and back, few plain sentences, odd tables, large tables, hostile names."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import Diagnosis, RunTable, diagnose, run_table
from scalelab.laws.diagnose.names import listed, shown
from tests.laws.simulated import chinchilla_loss, grid, lab


def everything_odd() -> RunTable:
    """One table with a wrong run, replicates, repeated data, two counts, short runs and rates not annealed."""
    rng = np.random.default_rng(0)
    n, d = (np.append(column, column[:4]) for column in grid(48))
    loss = chinchilla_loss(n, d) * np.exp(0.003 * rng.standard_normal(52))
    loss[30] *= 1.2
    return run_table(
        n_params=n, n_tokens=d, loss=loss, unique_tokens=np.minimum(d, 3e9), counts={"n_total": n + 5e4 * n**0.5},
        lr_share=np.where(np.arange(52) % 10 == 0, 0.9, 0.05), weight=rng.uniform(0.5, 2, 52),
    )  # fmt: skip


def test_a_diagnosis_goes_to_strict_json_and_back() -> None:
    for law in ("power", "chinchilla", "coupled"):
        seen = diagnose(everything_odd(), laws.fit(everything_odd(), law))
        again = Diagnosis.from_dict(json.loads(json.dumps(seen.to_dict(), allow_nan=False)))
        assert again == seen
        assert again.sentences() == seen.sentences()
        assert seen.noise is not None
        assert seen.repetition is not None
        assert seen.counts is not None
        assert seen.outliers
        assert seen.transients
        assert len(seen.leverage) == len(seen.studentised) == 52


def test_few_sentences_and_the_wrong_run_first() -> None:
    said = diagnose(everything_odd(), laws.fit(everything_odd(), "chinchilla")).sentences()
    assert 3 <= len(said) <= 6
    assert said[0].startswith("run-31 lies ")
    assert "above what the other 51 runs say" in said[0]
    assert all("\n" not in sentence and not sentence.endswith(".") for sentence in said)


def test_a_clean_lab_within_the_sane_range_is_mostly_left_in_peace() -> None:
    n, d = (part.ravel() for part in np.meshgrid(np.geomspace(1e7, 1e8, 5), np.geomspace(2e8, 2e10, 5)))
    quiet = 0
    for seed in range(60):
        noise = np.exp(0.003 * np.random.default_rng(seed).standard_normal(25))
        runs = run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * noise)
        said = diagnose(runs, laws.fit(runs, "chinchilla")).sentences()
        quiet += not [sentence for sentence in said if "hangs on" not in sentence]
    assert quiet >= 54


@given(name=st.text(max_size=300))
@settings(max_examples=40, deadline=None)
def test_names_from_outside_are_short_and_steer_no_terminal(name: str) -> None:
    runs = lab(16, seed=0)
    loss = runs.loss.copy()
    loss[5] *= 1.5
    runs = replace(runs, loss=loss, run_id=(*runs.run_id[:5], name, *runs.run_id[6:]))
    for sentence in diagnose(runs, FIT_OF_SIXTEEN).sentences():
        assert sentence.isprintable()
        assert len(sentence) < 400
    assert len(shown(name)) <= 40


FIT_OF_SIXTEEN = laws.fit(lab(16, seed=0), "chinchilla-tied")


def test_long_names_keep_the_end_that_tells_them_apart() -> None:
    first, second = (shown("sweep-of-many-models-" * 3 + f"lr-{i}") for i in (1, 2))
    assert first != second
    assert first.startswith("sweep-of-many-")
    assert first.endswith("lr-1")
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_odd_tables_are_described_and_never_raise() -> None:
    n, d = grid(16)
    drift = np.linspace(1, 1.001, 16)
    odd = {
        "zero residuals": (lab(16, noise=0.0), "chinchilla"),
        "six runs, power": (lab(9).take(np.array([0, 1, 3, 5, 7, 8])), "power"),
        "all D = 20 N": (run_table(n_params=n, n_tokens=20 * n * drift, loss=3 / n**0.05), "chinchilla"),
        "one law of compute": (run_table(n_params=n, n_tokens=d, loss=2 + 50 / (n * d) ** 0.1), "compute"),
        "huge residuals": (run_table(n_params=n, n_tokens=d, loss=np.geomspace(1e-5, 1e5, 16)), "chinchilla"),
        "exact duplicates": (lab(16).take(np.repeat(np.arange(16), 2)), "chinchilla"),
    }  # fmt: skip
    for runs, law in odd.values():
        seen = diagnose(runs, laws.fit(runs, law))
        assert Diagnosis.from_json(seen.to_json()) == seen
        assert len(seen.sentences()) <= 6


@pytest.mark.parametrize("kept", [[0], [0, 15], [0, 1, 2, 3], [0, 0, 0], [0, 4, 8, 12]])
def test_fewer_runs_than_parameters_or_all_of_one_size_can_be_held_against_a_law(kept: list[int]) -> None:
    runs = lab(16, seed=0).take(np.array(kept))
    for fit in (FIT_OF_SIXTEEN, laws.fit(lab(16, seed=0), "coupled")):
        seen = diagnose(runs, fit)
        assert seen.outliers == ()
        assert seen.trends == ()
        assert Diagnosis.from_json(seen.to_json()) == seen
        assert len(seen.sentences()) <= 6


def test_no_runs_or_runs_without_a_needed_column_are_refused_in_words() -> None:
    runs = lab(16)
    with pytest.raises(BadInput, match="no runs to diagnose"):
        diagnose(runs.take(np.zeros(16, dtype=bool)), laws.fit(runs))


def test_order_of_runs_and_units_do_not_change_what_is_said() -> None:
    runs = everything_odd()
    other = np.random.default_rng(1).permutation(52)
    plain, turned = (diagnose(table, laws.fit(table, "chinchilla-tied")) for table in (runs, runs.take(other)))
    assert [run.run for run in turned.outliers] == [run.run for run in plain.outliers]
    assert turned.noise.sigma == pytest.approx(plain.noise.sigma, rel=1e-4)
    assert turned.repetition.slope == pytest.approx(plain.repetition.slope, rel=1e-2)
    scaled = replace(runs, loss=runs.loss / np.log(2))
    bits = diagnose(scaled, laws.fit(scaled, "chinchilla-tied"))
    assert bits.outliers[0].off == pytest.approx(plain.outliers[0].off, rel=1e-3)


def test_a_table_of_a_hundred_thousand_runs_is_bounded_in_what_is_kept() -> None:
    rng = np.random.default_rng(0)
    n, d = 10 ** rng.uniform(7, 9, 100_000), 10 ** rng.uniform(9.5, 10.5, 100_000)
    runs = run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * np.exp(0.01 * rng.standard_normal(100_000)))
    seen = diagnose(runs, replace(FIT_OF_SIXTEEN))
    assert seen.n_runs == 100_000
    assert seen.n_examined == 20_000
    assert len(seen.to_json()) < 20_000


def test_reading_a_stored_diagnosis_loads_no_scipy() -> None:
    text = diagnose(everything_odd(), laws.fit(everything_odd(), "chinchilla")).to_json()
    code = (
        "import sys\nfrom scalelab.laws import Diagnosis\n"
        "said = Diagnosis.from_json(sys.stdin.read()).sentences()\n"
        "assert len(said) > 2 and 'scipy' not in sys.modules, sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], input=text, text=True, check=True, timeout=60)
