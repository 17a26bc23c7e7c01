"""Repeated data whose harm is known, and repeated data that did none."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import RunTable, diagnose, run_table
from tests.laws.simulated import lab


def repeating(harm: float, seed: int = 0) -> RunTable:
    """A lab in which every third run saw its data 2 to 16 times, each doubling raising ln loss by `harm`."""
    runs = lab(48, seed=seed)
    doublings = np.where(np.arange(48) % 3 == 0, 1 + np.random.default_rng(seed).integers(0, 4, 48), 0)
    return replace(runs, loss=runs.loss * np.exp(harm * doublings), unique_tokens=runs.n_tokens / 2.0**doublings)


def test_the_harm_of_a_doubling_is_measured() -> None:
    runs = repeating(0.01)
    seen = diagnose(runs, laws.fit(runs, "chinchilla"))
    assert seen.repetition is not None
    assert seen.repetition.n_repeated == 16
    assert seen.repetition.most_epochs == pytest.approx(16)
    assert seen.repetition.slope == pytest.approx(0.01, abs=0.003)
    assert seen.repetition.hurts
    said = next(said for said in seen.sentences() if "repeat their data" in said)
    assert "up to 16 epochs" in said
    assert said.endswith("fit --law data-constrained")


def test_harmless_repetition_is_counted_and_no_other_law_advised() -> None:
    seen = [diagnose(runs, laws.fit(runs, "chinchilla")) for runs in (repeating(0.0, seed) for seed in range(30))]
    assert sum(item.repetition.hurts for item in seen) <= 3
    calm = next(item for item in seen if not item.repetition.hurts)
    assert any("no loss by it is visible beside chinchilla" in said for said in calm.sentences())


def test_a_corpus_read_to_its_end_or_of_unknown_size_is_not_repeated() -> None:
    runs = lab(16)
    fit = laws.fit(runs)
    assert diagnose(runs, fit).repetition is None
    assert diagnose(replace(runs, unique_tokens=runs.n_tokens * 1.0), fit).repetition is None


def test_the_public_table_of_repeated_data_asks_for_the_data_constrained_law(shared_data: Path) -> None:
    with (shared_data / "muennighoff.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    n, d, loss, unique = (
        np.array([float(row[key]) for row in rows]) for key in ("n_params", "tokens", "loss", "unique_tokens")
    )
    runs = run_table(n_params=n, n_tokens=d, loss=loss, unique_tokens=unique)
    seen = diagnose(runs, laws.fit(runs, "chinchilla"))
    assert seen.repetition is not None
    assert seen.repetition.hurts
    assert any(said.endswith("fit --law data-constrained") for said in seen.sentences())
    allowed = diagnose(runs, laws.fit(runs, "data-constrained"))
    assert allowed.repetition is not None
    assert abs(allowed.repetition.slope) < 0.3 * seen.repetition.slope
    assert any(said.endswith("which data-constrained allows for") for said in allowed.sentences())
