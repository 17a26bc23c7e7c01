"""Odd budgets, curves and points: refused in words, or answered with numbers that JSON can hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import run_table
from scalelab.laws.use.allocate import Allocation, allocate
from scalelab.laws.use.iso_flop import IsoFlop, iso_flop
from scalelab.laws.use.link import Link, fit_link
from scalelab.laws.use.off_frontier import compute_for, off_frontier
from scalelab.laws.use.optimum import Law, n_searched, predict_ratio

from ..simulated import lab

ANY = st.sampled_from([0.0, -1.0, 1e-300, 1e-3, 1.0, 1e9, 1e18, 1e24, 1e60, 1e200, 1e308, np.inf, -np.inf, np.nan])
LAWS = ("power", "chinchilla", "coupled", "kaplan", "assessment", "noisy", "few")


@cache
def law(name: str) -> Law:
    if name == "assessment":
        return laws.assess(lab(25, seed=1))
    if name == "noisy":
        return laws.assess(lab(9, seed=2, noise=0.3))
    if name == "few":
        return laws.assess(lab(9, seed=3).take(np.arange(6)))
    return laws.fit(lab(25, seed=1), name)


def told(ask: Callable[[], Any]) -> Any:
    """The answer, strict JSON; None where it was refused in words."""
    try:
        found = ask()
    except BadInput as refused:
        assert str(refused)
        return None
    json.dumps(found.to_dict(), allow_nan=False)
    return found


@settings(max_examples=120, deadline=None)
@given(name=st.sampled_from(LAWS), compute=ANY, max_params=st.none() | ANY, max_tokens=st.none() | ANY)
def test_any_budget_under_any_limit(
    name: str, compute: float, max_params: float | None, max_tokens: float | None
) -> None:
    found = told(lambda: allocate(law(name), compute=compute, max_params=max_params, max_tokens=max_tokens))
    if found is not None:
        assert found.best.low <= found.best.loss <= found.best.high
        assert found.n_low <= found.best.n_params * (1 + 1e-6)
        assert found.n_high >= found.best.n_params * (1 - 1e-6)
        assert all(sentence for sentence in found.sentences())
        assert Allocation.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(LAWS), n_params=ANY, flops=st.none() | ANY, n_tokens=st.none() | ANY)
def test_any_model_off_the_frontier(name: str, n_params: float, flops: float | None, n_tokens: float | None) -> None:
    found = told(lambda: off_frontier(law(name), n_params, flops, n_tokens))
    if found is not None:
        assert found.extra_loss >= 0
        assert 0 < found.worth <= 1
        assert found.sentence()


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(LAWS), loss=ANY | st.floats(0.5, 12.0))
def test_any_loss_that_is_wanted(name: str, loss: float) -> None:
    found = told(lambda: compute_for(law(name), loss))
    if found is not None:
        assert found.flops_low <= found.flops * (1 + 1e-6)
        assert found.flops_high is None or found.flops_high >= found.flops * (1 - 1e-6)


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(LAWS), n=ANY, d=ANY, flops=ANY)
def test_any_point_and_any_compute(name: str, n: float, d: float, flops: float) -> None:
    each = law(name)
    if isinstance(each, laws.Assessment):
        told(lambda: each.frontier(flops))
    else:
        told(lambda: laws.frontier(each, flops))
        told(lambda: predict_ratio(each, loss_a=3.0, n_a=1e8, d_a=1e9, n_b=n, d_b=d))


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), levels=st.integers(0, 6), sizes=st.integers(1, 7),
    shape=st.sampled_from(["bowl", "noise", "flat", "falling", "wild", "hill", "same size"]),
    tolerance=st.sampled_from([1e-6, 0.05, 10.0]),
)  # fmt: skip
def test_any_curves_of_equal_compute(seed: int, levels: int, sizes: int, shape: str, tolerance: float) -> None:
    rng = np.random.default_rng(seed)
    flops = np.repeat(10.0 ** (17 + np.arange(levels)), sizes)
    n = 10 ** rng.uniform(6, 9, levels * sizes)
    if shape == "same size":
        n = np.full(levels * sizes, 1e7)
    x = np.log10(n) - 7.5
    loss = {
        "bowl": 3 + 0.1 * x**2, "noise": rng.uniform(2, 4, len(n)), "flat": np.full(len(n), 3.0),
        "falling": 3 - 0.1 * x, "wild": 10 ** rng.uniform(-5, 5, len(n)), "hill": 3 - 0.1 * x**2,
        "same size": rng.uniform(2, 4, len(n)),
    }[shape]  # fmt: skip
    runs = run_table(n_params=n, n_tokens=flops / (6 * n), loss=loss, flops=flops)
    found = told(lambda: iso_flop(runs, tolerance=tolerance))
    if found is not None:
        assert found.a.low <= found.a.value <= found.a.high
        assert len(found.used) >= 3
        assert all(found.sentences())
        assert IsoFlop.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(0, 14), floor=st.sampled_from([0.0, 0.25, None, 2.0, -1.0]),
    ceiling=st.sampled_from([1.0, 0.9, None, 0.1]),
    shape=st.sampled_from(["sigmoid", "noise", "step", "flat", "rising", "nan", "line"]),
)  # fmt: skip
def test_any_points_of_loss_and_accuracy(
    seed: int, count: int, floor: float | None, ceiling: float | None, shape: str
) -> None:
    rng = np.random.default_rng(seed)
    loss = rng.uniform(1.5, 5.0, count)
    accuracy = {
        "sigmoid": 1 / (1 + np.exp(2 * (loss - 3))), "noise": rng.random(count), "step": (loss < 3).astype(float),
        "flat": np.full(count, 0.3), "rising": loss / 6, "nan": np.full(count, np.nan), "line": 1 - loss / 6,
    }[shape]  # fmt: skip
    found = told(lambda: fit_link(loss, accuracy, floor=floor, ceiling=ceiling))
    if found is not None:
        at = np.linspace(0.1, 20, 50)
        assert (np.diff(found.accuracy(at)) <= 0).all()
        assert np.isfinite(found.se(at)).all()
        assert ((found.accuracy(at) >= -1e-9) & (found.accuracy(at) <= 1 + 1e-9)).all()
        assert Link.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("name", [name for name in LAWS if name != "few"])
def test_what_is_asked_a_little_further_out_is_never_promised_for_less(name: str) -> None:
    each = law(name)
    losses = [allocate(each, compute=flops).best.loss for flops in np.geomspace(1e16, 1e24, 17)]
    # Where several laws disagree the split is as good as their mean's best within 1 %, no more.
    assert (np.diff(losses) <= (0.01 * np.array(losses[:-1]) if isinstance(each, laws.Assessment) else 1e-9)).all()


@pytest.mark.parametrize("name", ["assessment", "noisy"])
def test_the_split_of_several_laws_is_as_good_as_the_best_of_their_mean(name: str) -> None:
    each = law(name)
    assert isinstance(each, laws.Assessment)
    for flops in np.geomspace(1e16, 1e24, 9):
        best = each.frontier(flops)
        n = np.exp(np.linspace(*n_searched(each.fit(), float(flops)), 3001))
        assert best.loss <= 1.0101 * each.loss(n, flops / (6 * n)).min()
