"""Two counts of N of which one is the true one, and the counts that a public table carries."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import RunTable, compare_counts, diagnose, run_table
from tests.laws.simulated import lab


def two_counts(seed: int = 0, true: str = "n_blocks") -> RunTable:
    """A lab whose law holds in one count; the other adds or takes away an embedding of width √N."""
    runs = lab(25, seed=seed, noise=0.003)
    if true == "n_blocks":
        total = runs.n_params + 2000 * np.sqrt(runs.n_params)
        return replace(runs, count_name="n_blocks", counts={"n_total": total})
    blocks = runs.n_params / (1 + 2000 / np.sqrt(runs.n_params))
    return replace(runs, n_params=blocks, count_name="n_blocks", counts={"n_total": runs.n_params})


def test_the_true_count_scatters_least_and_straightens_the_exponents() -> None:
    for seed in range(5):
        counts = compare_counts(two_counts(seed, "n_total"), "chinchilla")
        assert counts.best.count == "n_total"
        assert counts.best.sigma == pytest.approx(0.003, rel=0.5)
        assert counts.best.exponents["alpha"] == pytest.approx(0.35, abs=0.12)
    scores = {score.count: score for score in counts.scores}
    assert scores["n_total"].aicc == 0.0
    assert scores["n_blocks"].aicc > 0.0


def test_a_power_law_bends_least_in_its_own_count() -> None:
    runs = two_counts(0, "n_total")
    rng = np.random.default_rng(1)
    total = runs.counts["n_total"]
    bare = replace(runs, loss=30 * total**-0.09 * runs.n_tokens**-0.06 * np.exp(0.002 * rng.standard_normal(25)))
    counts = compare_counts(bare, "power")
    assert counts.straightest is not None
    assert counts.straightest.count == counts.best.count == "n_total"
    assert counts.clear
    assert counts.sentence().startswith("counted as n_total instead of n_blocks, power scatters 0.")
    assert counts.sentence().endswith("give --count n_total")


def test_a_glance_from_the_fit_in_hand_agrees_with_fits_made_anew() -> None:
    for law in ("power", "chinchilla", "coupled"):
        runs = two_counts(3, "n_total")
        glance, anew = diagnose(runs, laws.fit(runs, law)).counts, compare_counts(runs, law)
        assert glance is not None
        for near, full in zip(glance.scores, anew.scores, strict=True):
            assert near.count == full.count
            assert near.aicc == pytest.approx(full.aicc, abs=0.7)


def test_a_true_count_in_use_is_confirmed_and_none_is_advised() -> None:
    counts = compare_counts(two_counts(0, "n_blocks"), "chinchilla")
    assert not counts.clear
    assert counts.used == "n_blocks"
    assert "give --count" not in counts.sentence()


def test_runs_with_one_count_have_nothing_to_compare() -> None:
    runs = lab(16)
    assert diagnose(runs, laws.fit(runs)).counts is None
    assert diagnose(two_counts(), laws.fit(two_counts()), with_counts=False).counts is None
    with pytest.raises(BadInput, match="one count of N"):
        compare_counts(runs)


def test_gemstones_fit_better_without_embeddings_by_the_published_objectives(shared_data: Path) -> None:
    with (shared_data / "gemstones.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["series"] == "hot"]
    column = {name: np.array([float(row[name]) for row in rows])
              for name in ("n_params", "tokens", "loss", "params_no_embed")}  # fmt: skip
    runs = run_table(
        n_params=column["n_params"], n_tokens=column["tokens"], loss=column["loss"],
        counts={"params_no_embed": column["params_no_embed"]},
    )  # fmt: skip
    published = {"n_params": 0.0019816129, "params_no_embed": 0.0017466699}
    for name, objective in published.items():
        found = laws.fit(runs.recounted(name), "chinchilla", "hoffmann")
        assert found.objective_value == pytest.approx(objective, abs=2e-9)
    for law in ("power", "chinchilla", "coupled"):
        counts = compare_counts(runs, law, "hoffmann" if law == "chinchilla" else None)
        assert counts.best.count == "params_no_embed"
        assert counts.clear


def test_porians_runs_have_other_exponents_in_another_count_and_no_fit_tells_which(shared_data: Path) -> None:
    """Porian et al. 2024, figure 1: a = .571 with the head counted; Kaplan's count alone raises it."""
    with (shared_data / "porian.csv").open() as stream:
        rows = list(csv.DictReader(stream))

    def sizes(series: str) -> np.ndarray:
        return np.unique([float(row["n_params"]) for row in rows if row["series"] == series])

    series = "rw-base-short-chinchilla-standard-val"
    blocks = sizes("rw-base-long-kaplan-kaplan-train")
    used = [row for row in rows if row["series"] == series]
    n, d, loss = (np.array([float(row[key]) for row in used]) for key in ("n_params", "tokens", "loss"))
    runs = run_table(
        n_params=n, n_tokens=d, loss=loss, count_name="n_head",
        counts={"n_blocks": blocks[np.searchsorted(sizes(series), n)]},
    )  # fmt: skip
    counts = compare_counts(runs, "chinchilla")
    head, blocks_only = (
        score.exponents["beta"] / (score.exponents["alpha"] + score.exponents["beta"]) for score in counts.scores
    )
    assert head == pytest.approx(0.571, abs=0.03)
    assert blocks_only > head + 0.1
    assert counts.depends
    assert "fits about as well whether N is n_head or n_blocks, but alpha is 0.45" in counts.sentence()
    assert any("say which N is meant" in said for said in diagnose(runs, laws.fit(runs, "chinchilla")).sentences())
