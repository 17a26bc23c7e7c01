"""Accuracy from loss: a known sigmoid comes back, its interval covers, one wrong point hardly moves it; refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.laws.fits import Prediction
from scalelab.laws.use.link import Link, fit_link

LOSS = np.linspace(2.0, 4.5, 12)


def sigmoid(
    loss: np.ndarray | float, k: float = 1.6, middle: float = 2.6, floor: float = 0.0, top: float = 1.0
) -> np.ndarray:
    return floor + (top - floor) / (1 + np.exp(-k * (middle - np.asarray(loss))))


@settings(max_examples=30, deadline=None)
@given(k=st.floats(0.5, 5.0), middle=st.floats(2.0, 4.0), floor=st.sampled_from([0.0, 0.25]))
def test_a_known_sigmoid_comes_back(k: float, middle: float, floor: float) -> None:
    found = fit_link(LOSS, sigmoid(LOSS, k, middle, floor), floor=floor)
    assert (found.k, found.middle) == (pytest.approx(k, rel=1e-4), pytest.approx(middle, abs=1e-4))
    assert found.accuracy(LOSS) == pytest.approx(sigmoid(LOSS, k, middle, floor), abs=1e-5)
    assert (np.diff(found.accuracy(np.linspace(0, 9, 50))) <= 0).all()


def test_floor_and_ceiling_can_be_fitted() -> None:
    wide = np.linspace(1.0, 7.0, 30)
    found = fit_link(wide, sigmoid(wide, 2.5, 3.5, 0.24, 0.9), floor=None, ceiling=None)
    assert found.fitted == ("k", "middle", "floor", "ceiling")
    assert (found.floor, found.ceiling) == (pytest.approx(0.24, abs=1e-3), pytest.approx(0.9, abs=1e-3))


def test_intervals_cover_new_runs() -> None:
    inside = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        found = fit_link(LOSS, np.clip(sigmoid(LOSS) + 0.01 * rng.standard_normal(len(LOSS)), 0, 1))
        new = float(sigmoid(1.8)) + 0.01 * rng.standard_normal()
        told = found.predict(Prediction(n_params=1, n_tokens=1, loss=1.8, low=1.8, high=1.8, parameters=0.0))
        inside.append(told.low <= new <= told.high)
    assert 0.92 <= np.mean(inside) <= 0.98  # 95 % nominal, 400 draws


def test_one_wrong_point_hardly_moves_it() -> None:
    scatter = 0.003 * np.random.default_rng(0).standard_normal(len(LOSS))
    clean = fit_link(LOSS, sigmoid(LOSS) + scatter)
    wrong = sigmoid(LOSS) + scatter
    wrong[4] += 0.3
    assert float(fit_link(LOSS, wrong).accuracy(2.0)) == pytest.approx(float(clean.accuracy(2.0)), abs=0.01)


def test_the_interval_of_the_loss_is_carried_over() -> None:
    found = fit_link(LOSS, sigmoid(LOSS) + 0.002 * np.random.default_rng(0).standard_normal(len(LOSS)))
    sharp = found.predict(Prediction(n_params=1, n_tokens=1, loss=2.5, low=2.5, high=2.5, parameters=0.0))
    vague = found.predict(Prediction(n_params=1, n_tokens=1, loss=2.5, low=2.3, high=2.7, parameters=0.03))
    assert vague.value == sharp.value
    assert vague.low < float(sigmoid(2.7)) + 0.01 < sharp.low < sharp.high < float(sigmoid(2.3)) - 0.01 < vague.high
    assert not found.far(1.9)
    assert found.far(0.5)


@pytest.mark.parametrize(("loss", "accuracy", "words"), [
    (LOSS[:4], sigmoid(LOSS[:4]), "4 points"),
    (LOSS, sigmoid(-LOSS), "does not fall"),
    (LOSS, np.full(12, 0.31), "the same everywhere"),
    (np.full(12, 2.5), sigmoid(LOSS), "all 12 points have loss 2.5"),
    (LOSS, 100 * sigmoid(LOSS), "shares between 0 and 1"),
    (np.where(LOSS < 3.7, np.nan, LOSS), sigmoid(LOSS), "or more"),
])  # fmt: skip
def test_what_gives_no_link_is_refused_in_words(loss: np.ndarray, accuracy: np.ndarray, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        fit_link(loss, accuracy)


def test_more_numbers_need_more_points() -> None:
    few = LOSS[::2]
    fit_link(few, sigmoid(few), ceiling=None)
    with pytest.raises(BadInput, match="7 or more"):
        fit_link(few, sigmoid(few), floor=None, ceiling=None)
    with pytest.raises(BadInput, match="floor < ceiling"):
        fit_link(LOSS, sigmoid(LOSS), floor=0.9, ceiling=0.5)
    with pytest.raises(ValueError, match="shape"):
        fit_link(LOSS, [0.5])


def test_record_goes_to_strict_json_and_back() -> None:
    found = fit_link(LOSS, sigmoid(LOSS) + 0.001 * np.random.default_rng(1).standard_normal(12))
    assert Link.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
