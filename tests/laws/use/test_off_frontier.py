"""The cost of another N and the compute of a wanted loss, against the known law's closed form."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws.use.off_frontier import compute_for, off_frontier

from ..simulated import TRUTH, chinchilla_loss
from .test_allocate import judged, law


def test_extra_loss_and_overhead_are_those_of_the_law() -> None:
    best = laws.frontier(law(), 1e20)
    n = best.n_params / 5
    told = off_frontier(law(), n, 1e20)
    assert told.extra_loss == pytest.approx(float(chinchilla_loss(n, 1e20 / 6 / n)) - best.loss, rel=1e-3)
    assert told.overhead is not None
    reached = chinchilla_loss(n, told.overhead * 1e20 / 6 / n)
    assert float(reached) == pytest.approx(best.loss, rel=1e-5)
    assert laws.frontier(law(), told.worth * 1e20).loss == pytest.approx(told.loss, rel=1e-5)
    assert "nats against the best N" in told.sentence()


def test_too_small_a_model_never_gets_there() -> None:
    told = off_frontier(law(), 1e6, 1e22)
    assert told.overhead is None
    assert TRUTH["E"] + TRUTH["A"] / 1e6 ** TRUTH["alpha"] > told.best_loss  # even with endless tokens
    assert "no amount of tokens" in told.sentence()
    json.dumps(told.to_dict(), allow_nan=False)


def test_on_the_frontier_nothing_is_lost() -> None:
    best = laws.frontier(law(), 1e20)
    told = off_frontier(law(), best.n_params, n_tokens=best.n_tokens)
    assert told.flops == pytest.approx(1e20)
    assert told.overhead == pytest.approx(1.0, abs=1e-3)
    assert told.worth == pytest.approx(1.0, abs=1e-2)  # flat: a loss is known better than where it stands
    assert "as good as the best" in told.sentence()


@settings(max_examples=25, deadline=None)
@given(log_n=st.floats(5.0, 12.0), log_c=st.floats(16.0, 24.0))
def test_overhead_is_at_least_one(log_n: float, log_c: float) -> None:
    told = off_frontier(law(), 10**log_n, 10**log_c)
    assert told.overhead is None or told.overhead >= 1 - 1e-9
    assert 0 < told.worth <= 1
    assert told.extra_loss >= 0


@settings(max_examples=15, deadline=None)
@given(log_c=st.floats(17.0, 23.0))
def test_compute_for_a_loss_is_the_frontier_backwards(log_c: float) -> None:
    there = laws.frontier(law(), 10**log_c)
    told = compute_for(law(), there.loss)
    assert told.flops == pytest.approx(10**log_c, rel=1e-3)
    assert told.n_params == pytest.approx(there.n_params, rel=1e-2)
    assert 6 * told.n_params * told.n_tokens == pytest.approx(told.flops, rel=1e-6)


def test_interval_of_the_compute_for_a_loss() -> None:
    wanted = judged().frontier(1e20).loss
    told = compute_for(judged(), wanted)
    assert told.flops_high is not None
    assert told.flops_low < told.flops < told.flops_high
    assert judged().frontier(told.flops_low).low == pytest.approx(wanted, rel=1e-4)
    assert judged().frontier(told.flops_high).high == pytest.approx(wanted, rel=1e-4)


def test_what_cannot_be_is_refused_in_words() -> None:
    with pytest.raises(BadInput, match=r"never reaches a loss of 1\.5.*its E of 1\.8"):
        compute_for(law(), 1.5)
    with pytest.raises(BadInput, match="is above all"):
        compute_for(law(), 1e9)
    for loss in (0.0, -1.0, float("nan")):
        with pytest.raises(BadInput, match="loss is"):
            compute_for(law(), loss)
    for name in ("power", "power+E"):
        with pytest.raises(BadInput, match="no best split"):
            compute_for(law(name), 2.5)
        with pytest.raises(BadInput, match="no best split"):
            off_frontier(law(name), 1e8, 1e20)
    with pytest.raises(BadInput, match="needs C or D"):
        off_frontier(law(), 1e8)
    with pytest.raises(BadInput, match="needs C or D"):
        off_frontier(law(), 1e8, 1e20, 1e10)
    for n in (0.0, np.inf):
        with pytest.raises(BadInput, match="n_params is"):
            off_frontier(law(), n, 1e20)
