"""One wrong run and what it does to what is predicted."""

from __future__ import annotations

import numpy as np
import pytest

from scalelab import laws
from scalelab.laws import run_table
from scalelab.laws.choice.backtest import trust

from ..simulated import lab

FAR = (3.2e9, 6.3e10)


@pytest.mark.parametrize("wrong", [0.1, 0.5])
def test_one_wrong_run_hardly_moves_what_is_predicted_at_ten_times_the_compute(wrong: float) -> None:
    moves = []
    for seed in range(6):
        runs = lab(25, seed=seed, noise=0.003)
        before = laws.assess(runs).predict(*FAR).loss
        which = np.random.default_rng(seed).integers(25)
        loss = runs.loss.copy()
        loss[which] *= 1 + wrong
        spoilt = run_table(n_params=runs.n_params, n_tokens=runs.n_tokens, loss=loss)
        moves.append(abs(laws.assess(spoilt).predict(*FAR).loss / before - 1))
    assert np.median(moves) < 0.002
    assert max(moves) < 0.008


def test_a_wrong_largest_run_is_not_followed() -> None:
    runs = lab(25, seed=1, noise=0.003)
    without = laws.assess(runs.take(np.arange(24))).predict(*FAR).loss
    loss = runs.loss.copy()
    loss[24] *= 1.5
    with_it = laws.assess(run_table(n_params=runs.n_params, n_tokens=runs.n_tokens, loss=loss))
    assert with_it.predict(*FAR).loss == pytest.approx(without, rel=0.01)
    assert [item.run for item in with_it.diagnosis.outliers] == ["run-25"]


def test_trust_falls_from_whole_to_none() -> None:
    np.testing.assert_allclose(trust(np.array([0.0, 8.0, 12.0, 16.0, 1e9])), [1, 1, 0.5, 0, 0])
