"""Measures of loss: values that the field publishes, round trips, and intervals that follow the loss's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.laws.fits import Prediction
from scalelab.laws.use import measures

LOSSES = st.floats(0.01, 20.0)


def test_measures_of_a_published_loss() -> None:
    # 3.12 nats, about what a GPT-2 of 124M reaches on OpenWebText, in the other measures.
    assert float(measures.perplexity(3.12)) == pytest.approx(22.646, abs=1e-3)
    assert float(measures.bits_per_token(3.12)) == pytest.approx(4.5012, abs=1e-4)
    assert float(measures.bits_per_byte(3.12, 4.5)) == pytest.approx(1.00026, abs=1e-5)
    assert float(measures.perplexity(np.log(50257))) == pytest.approx(50257)  # knowing nothing of 50,257 tokens


@given(loss=LOSSES, size=st.floats(1.0, 12.0))
def test_every_measure_goes_back_to_the_loss(loss: float, size: float) -> None:
    assert float(measures.loss_of_perplexity(measures.perplexity(loss))) == pytest.approx(loss, abs=1e-12)
    assert float(measures.loss_of_bits_per_token(measures.bits_per_token(loss))) == pytest.approx(loss)
    assert float(measures.loss_of_bits_per_byte(measures.bits_per_byte(loss, size), size)) == pytest.approx(loss)


def test_arrays_keep_their_shape() -> None:
    losses = np.linspace(1, 4, 6).reshape(2, 3)
    for each in (measures.perplexity(losses), measures.bits_per_token(losses), measures.bits_per_byte(losses, 4.0)):
        assert each.shape == (2, 3)
        assert (np.diff(each.ravel()) > 0).all()


@given(loss=LOSSES, low=st.floats(0.5, 1.0), high=st.floats(1.0, 2.0))
def test_intervals_are_the_measures_of_their_ends(loss: float, low: float, high: float) -> None:
    found = Prediction(n_params=1e8, n_tokens=2e9, loss=loss, low=low * loss, high=high * loss, parameters=0.01)
    told = {each.name: each for each in measures.measures(found, 4.0)}
    assert list(told) == ["loss", "perplexity", "bits_per_token", "bits_per_byte"]
    assert all(each.low <= each.value <= each.high for each in told.values())
    assert told["perplexity"].high == pytest.approx(float(np.exp(high * loss)))
    assert told["bits_per_byte"].low == pytest.approx(low * loss / np.log(2) / 4)
    assert "bits_per_byte" not in {each.name for each in measures.measures(found)}


def test_what_is_no_measure_is_refused() -> None:
    for value in (0.5, float("nan")):
        with pytest.raises(BadInput, match="perplexity is"):
            measures.loss_of_perplexity([2.0, value])
    for size in (0.0, -1.0, float("inf")):
        with pytest.raises(BadInput, match="bytes a token"):
            measures.bits_per_byte(3.0, size)
    assert np.isfinite(measures.perplexity(1e9))
