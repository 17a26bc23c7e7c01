"""Changes that must not matter: units, the order of runs, runs listed twice; for every form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.laws import RunTable
from scalelab.laws.forms import ALL, Form

from ..simulated import lab
from .truths import table_of

OBJECTIVES = ("huber", "hoffmann", "least-squares")


def predictions(form: Form, runs: RunTable, size: float = 1.0, tokens: float = 1.0) -> np.ndarray:
    """What a fit says at the runs' own N and D and beyond them, in the units of the runs."""
    fit = laws.fit(runs, form.name)
    unique = np.array([3e9, 2e9, 4e9])
    return fit.loss(
        np.array([3e8, 2e9, 5e9]) / size, np.array([3e9, 4e10, 1e11]) / tokens, unique_tokens=unique / tokens
    )


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_millions_billions_and_bits_are_the_same_law(form: Form) -> None:
    runs, _ = table_of(form, noise=0.003, seed=4)
    assert runs.unique_tokens is not None
    other = replace(
        runs, n_params=runs.n_params / 1e6, n_tokens=runs.n_tokens / 1e9, loss=runs.loss / np.log(2),
        unique_tokens=runs.unique_tokens / 1e9,
    )  # fmt: skip
    np.testing.assert_allclose(predictions(form, other, 1e6, 1e9) * np.log(2), predictions(form, runs), rtol=2e-4)


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_order_of_runs_does_not_matter(form: Form) -> None:
    runs, _ = table_of(form, noise=0.003, seed=5)
    shuffled = runs.take(np.random.default_rng(1).permutation(len(runs)))
    np.testing.assert_allclose(predictions(form, shuffled), predictions(form, runs), rtol=1e-6)


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_run_twice_is_the_same_law_with_twice_the_objective(form: Form, objective: str) -> None:
    runs, _ = table_of(form, noise=0.003, seed=6)
    twice = runs.take(np.tile(np.arange(len(runs)), 2))
    once_fit, twice_fit = (laws.fit(table, form.name, objective) for table in (runs, twice))
    assert twice_fit.objective_value == pytest.approx(2 * once_fit.objective_value, rel=1e-4)
    np.testing.assert_allclose(
        twice_fit.loss(3e9, 5e10, unique_tokens=1e9), once_fit.loss(3e9, 5e10, unique_tokens=1e9), rtol=1e-4
    )


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_weight_is_how_often_a_run_counts(form: Form, objective: str) -> None:
    runs, _ = table_of(form, noise=0.003, seed=4)

    @settings(max_examples=3, deadline=None)
    @given(times=st.lists(st.integers(1, 4), min_size=48, max_size=48))
    def check(times: list[int]) -> None:
        weighted = laws.fit(replace(runs, weight=np.array(times, dtype=float)), form.name, objective)
        repeated = laws.fit(runs.take(np.repeat(np.arange(48), times)), form.name, objective)
        if objective == "huber":
            assert weighted.delta == pytest.approx(repeated.delta, rel=3e-3)  # δ is settled to a thousandth
        near = 1e-4 if objective == "huber" else 2e-5
        np.testing.assert_allclose(
            weighted.loss(3e9, 4e10, unique_tokens=4e9), repeated.loss(3e9, 4e10, unique_tokens=4e9), rtol=near
        )

    check()


def test_weights_are_relative() -> None:
    runs = lab(16, seed=4)
    weight = np.geomspace(1, 9, 16)
    fits = [laws.fit(replace(runs, weight=weight * factor)) for factor in (1.0, 1e-6, 1e9)]
    for fit in fits[1:]:
        np.testing.assert_allclose(fit.theta, fits[0].theta, rtol=1e-9)
        assert fit.sigma == pytest.approx(fits[0].sigma, rel=1e-9)


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_fitted_laws_fall_with_parameters_and_tokens(form: Form) -> None:
    runs, _ = table_of(form, noise=0.003, seed=7)
    fit = laws.fit(runs, form.name)
    n, d = np.geomspace(1e6, 1e12, 40), np.geomspace(1e7, 1e13, 40)
    assert (np.diff(fit.loss(n, 1e10)) <= 1e-12).all()
    assert (np.diff(fit.loss(1e9, d)) <= 1e-12).all()
    assert (np.diff(fit.loss(1e9, d, unique_tokens=1e7)) <= 1e-12).all()
