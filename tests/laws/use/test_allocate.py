"""Budgets against the closed form of the known law, their limits, their units, and what more of them buys."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import run_table
from scalelab.laws.use.allocate import Allocation, allocate
from scalelab.laws.use.budget import Devices, flops_of
from scalelab.laws.use.optimum import Law

from ..simulated import chinchilla_loss, grid, lab

BUDGETS = st.floats(16.0, 24.0).map(lambda log_c: 10.0**log_c)


@cache
def law(name: str = "chinchilla") -> laws.Fit:
    n, d = grid(25)
    return laws.fit(run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d)), name)


@cache
def judged() -> laws.Assessment:
    return laws.assess(lab(25))


@settings(max_examples=40, deadline=None)
@given(flops=BUDGETS, share=st.floats(-6.0, 6.0))
def test_no_split_beats_the_allocated_one(flops: float, share: float) -> None:
    best = allocate(law(), compute=flops).best
    n = best.n_params * np.exp(share)
    other = float(law().loss(np.array([n]), np.array([flops / (6 * n)]))[0])
    assert other >= best.loss * (1 - 1e-9)


@settings(max_examples=40, deadline=None)
@given(flops=st.floats(18.0, 22.0).map(lambda log_c: 10.0**log_c), unique=st.none() | st.floats(1e8, 1e11))
def test_several_laws_split_where_half_of_them_would_use_less_n(flops: float, unique: float | None) -> None:
    best = allocate(judged(), compute=flops, max_tokens=unique).best
    panel = judged().panel
    assert panel is not None
    n = np.geomspace(1e-3, 1e3, 40_001) * best.n_params
    d = flops / (6 * n)
    repeated = None if unique is None else np.minimum(d, unique)
    own = np.array([n[member.log_loss(n, d, repeated).argmin()] for member in panel.members])
    assert np.log(best.n_params) == pytest.approx(np.median(np.log(own)), abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(flops=BUDGETS, max_params=st.none() | st.floats(1e6, 1e10), max_tokens=st.none() | st.floats(1e8, 1e12))
def test_more_of_a_budget_never_promises_a_higher_loss(
    flops: float, max_params: float | None, max_tokens: float | None
) -> None:
    told = allocate(law(), compute=flops, max_params=max_params, max_tokens=max_tokens)
    losses = [told.best.loss, *(each.loss for each in told.more)]
    assert losses[1] <= losses[0] * (1 + 1e-6)
    assert losses[2] <= losses[1] * (1 + 1e-6)
    for each in (told.best, *told.more):
        assert each.flops <= each.factor * flops * (1 + 1e-9)
        assert max_params is None or each.n_params <= max_params * (1 + 1e-9)
        assert max_tokens is None or each.n_tokens <= max_tokens * (1 + 1e-9)


@pytest.mark.parametrize("flops", [1e18, 1e21])
def test_range_of_n_ends_where_the_loss_is_one_percent_higher(flops: float) -> None:
    told = allocate(law(), compute=flops)
    for n in (told.n_low, told.n_high):
        assert chinchilla_loss(n, flops / 6 / n) == pytest.approx(1.01 * told.best.loss, rel=1e-4)
    assert told.n_low < told.best.n_params < told.n_high
    assert "within 1 % of the best loss from N = " in told.sentences()[0]


@settings(max_examples=50, deadline=None)
@given(
    flops=BUDGETS,
    rate=st.floats(1e9, 1e15),
    share=st.floats(0.01, 1.0),
    price=st.floats(0.01, 100),
    n=st.integers(1, 4096),
)
def test_budgets_of_time_and_money_are_the_same_flops(
    flops: float, rate: float, share: float, price: float, n: int
) -> None:
    owned = Devices(flops_per_second=rate, utilisation=share, price_per_hour=price, count=n)
    assert flops_of(owned, compute=None, seconds=owned.seconds(flops), money=None) == pytest.approx(flops)
    assert flops_of(owned, compute=None, seconds=None, money=owned.money(flops)) == pytest.approx(flops)


def test_time_and_money_of_known_devices() -> None:
    told = allocate(law(), money=480.0, price_per_hour=2.5, devices=8, flops_per_second=1e15, utilisation=0.4)
    assert told.flops == pytest.approx(8 * 24 * 3600 * 4e14)  # 480 buys eight devices for a day
    assert (told.best.seconds, told.best.money) == (pytest.approx(86400), pytest.approx(480))
    assert told.more[1].money == pytest.approx(4800)
    timed = allocate(law(), seconds=86400, devices=8, flops_per_second=1e15, utilisation=0.4)
    assert timed.best.n_params == pytest.approx(told.best.n_params)
    assert timed.best.money is None


@pytest.mark.parametrize("name", ["power", "power+E"])
def test_a_law_without_a_best_split_says_so(name: str) -> None:
    told = allocate(law(name), compute=1e20)
    assert not told.interior
    assert f"{name} has no best split" in told.sentences()[0]


def test_a_limit_on_memory_holds_n_and_is_named() -> None:
    free = allocate(law(), compute=1e21)
    told = allocate(law(), compute=1e21, max_params=free.best.n_params / 10)
    assert told.limited_by == "max_params"
    assert told.best.n_params == pytest.approx(free.best.n_params / 10)
    assert told.best.loss > free.best.loss
    assert "memory holds N" in " ".join(told.sentences())
    ample = allocate(law(), compute=1e21, max_params=10 * free.best.n_params)
    assert ample.interior
    assert ample.best.n_params == pytest.approx(free.best.n_params, rel=1e-4)


def test_a_limit_on_tokens_makes_the_model_larger_and_is_named() -> None:
    free = allocate(law(), compute=1e21)
    told = allocate(law(), compute=1e21, max_tokens=free.best.n_tokens / 10)
    assert told.limited_by == "max_tokens"
    assert told.best.n_params == pytest.approx(10 * free.best.n_params, rel=0.01)
    assert "no more" in " ".join(told.sentences())
    both = allocate(law(), compute=1e21, max_tokens=1e9, max_params=1e8)
    assert both.best.flops == pytest.approx(6e17, rel=0.01)
    assert "100 % of the budget unspent" in " ".join(both.sentences())


def test_far_beyond_the_runs_is_told() -> None:
    largest = law().c_range[1]
    assert "a guess" not in " ".join(allocate(law(), compute=9 * largest).sentences())
    assert "100 times the largest run's" in " ".join(allocate(law(), compute=100 * largest).sentences())


@pytest.mark.parametrize(("asked", "words"), [
    ({}, "a budget of nothing"),
    ({"compute": 1e18, "seconds": 1.0}, "compute and seconds"),
    ({"compute": -1.0}, "compute is -1"),
    ({"compute": float("nan")}, "compute is nan"),
    ({"seconds": 60.0}, "needs the devices' speed"),
    ({"money": 5.0, "flops_per_second": 1e12}, "needs a price"),
    ({"money": 5.0, "price_per_hour": 1.0}, "needs the devices' speed"),
    ({"seconds": 60.0, "flops_per_second": 1e12, "utilisation": 1.5}, "utilisation is 1.5"),
    ({"seconds": 60.0, "flops_per_second": 0.0}, "flops_per_second is 0"),
    ({"seconds": 60.0, "flops_per_second": 1e12, "devices": 0}, "count is 0"),
    ({"compute": 1e18, "max_params": 0.0}, "max_params is 0"),
    ({"seconds": 1e200, "flops_per_second": 1e200}, "a budget of inf FLOPs"),
    ({"money": 1e-300, "price_per_hour": 1e300, "flops_per_second": 1.0}, "a budget of 0 FLOPs"),
])  # fmt: skip
def test_what_is_no_budget_is_refused_in_words(asked: dict[str, float], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        allocate(law(), **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("which", [law, judged])
def test_record_goes_to_strict_json_and_back(which: object) -> None:
    assert callable(which)
    each: Law = which()
    told = allocate(each, compute=1e20, flops_per_second=1e14)
    assert told.best.low < told.best.loss < told.best.high
    assert Allocation.from_dict(json.loads(json.dumps(told.to_dict(), allow_nan=False))) == told


def test_repeats_are_allowed_where_their_worth_is_known() -> None:
    free = allocate(judged(), compute=1e21)
    unique = free.best.n_tokens / 10
    told = allocate(judged(), compute=1e21, max_tokens=unique)
    held = allocate(law(), compute=1e21, max_tokens=unique)
    assert held.best.n_tokens <= unique < told.best.n_tokens < free.best.n_tokens
    assert told.epochs == pytest.approx(told.best.n_tokens / unique)
    assert told.best.loss > free.best.loss
    assert told.best.loss == pytest.approx(judged().predict(told.best.n_params, told.best.n_tokens, unique).loss)
    assert f"D is {told.epochs:.3g} passes" in " ".join(told.sentences())


def test_tokens_in_plenty_change_nothing() -> None:
    free = allocate(judged(), compute=1e21)
    ample = allocate(judged(), compute=1e21, max_tokens=100 * free.best.n_tokens)
    assert ample.best == free.best
    assert ample.epochs == 1


def test_a_law_of_repeated_data_trades_passes_for_size() -> None:
    n, d = grid(48)
    unique = np.tile([d.min(), d.max()], 24)
    again = np.maximum(d / unique - 1, 0)
    fresh = np.minimum(d, unique) + np.where(again > 0, unique * 10 * -np.expm1(-again / 10), 0)
    runs = run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, fresh), unique_tokens=unique)
    repeated = laws.fit(runs, "data-constrained")
    free = allocate(repeated, compute=1e21)
    told = allocate(repeated, compute=1e21, max_tokens=free.best.n_tokens / 20)
    assert 1 < told.epochs < 20
    assert told.best.n_params > free.best.n_params
    assert told.best.loss == pytest.approx(
        repeated.predict(told.best.n_params, told.best.n_tokens, free.best.n_tokens / 20).loss
    )
