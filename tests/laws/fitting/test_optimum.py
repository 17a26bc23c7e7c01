"""The minimum itself: no worse than some starts of a general optimiser, and what is said about how it was found.

`--soak` takes three times as many starts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from scalelab import laws
from scalelab.laws import RunTable
from scalelab.laws.forms import ALL, FORMS, Form, Inputs
from scalelab.laws.forms.form import Kind
from tests.reliability.tally import Tally

from ..simulated import lab
from .truths import table_of

SPREAD = {Kind.LEVEL: 0.3, Kind.SCALE: 1.5, Kind.EXPONENT: 0.1, Kind.SLOPE: 0.05, Kind.REPEATS: 1.0}


def best_of_many(form: Form, runs: RunTable, near: np.ndarray, delta: float, starts: int) -> float:
    """The lowest objective that L-BFGS with exact gradients reaches from starts about a point."""
    inputs, target = Inputs.of(runs.n_params, runs.n_tokens, unique_tokens=runs.unique_tokens), np.log(runs.loss)
    lower, upper = form.bounds(runs.loss)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        miss = form.log_loss(theta, inputs) - target
        size = np.abs(miss)
        value = (
            np.where(size <= delta, miss**2 / 2, delta * (size - delta / 2)).sum()
            if np.isfinite(delta)
            else miss @ miss / 2
        )
        return 1e3 * float(value), 1e3 * form.gradient(theta, inputs).T @ np.clip(miss, -delta, delta)

    rng = np.random.default_rng(0)
    spread = np.array([SPREAD[kind] for kind in form.kinds])
    first = np.clip(near + spread * rng.standard_normal((starts, len(near))), lower, upper)
    options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500}
    found = [
        minimize(
            objective, x, jac=True, method="L-BFGS-B", bounds=list(zip(lower, upper, strict=True)), options=options
        )
        for x in first
    ]
    return 1e-3 * min(result.fun for result in found if np.isfinite(result.fun))


@pytest.mark.parametrize("law", ["power+E", "chinchilla-tied", "chinchilla", "kaplan+E", "coupled"])
@pytest.mark.parametrize(("n_runs", "seed"), [(16, 11), (25, 12), (48, 13)])
def test_least_squares_are_no_higher_than_many_starts_find(law: str, n_runs: int, seed: int, tally: Tally) -> None:
    runs, form = lab(n_runs, seed=seed, noise=0.01), FORMS[law]
    fit = laws.fit(runs, law, "least-squares")
    table = laws.run_table(n_params=runs.n_params, n_tokens=runs.n_tokens, loss=runs.loss, unique_tokens=runs.n_tokens)
    least = best_of_many(form, table, np.array(fit.theta), np.inf, starts=tally.repeats(4, 12))
    assert fit.objective_value <= least * (1 + 1e-6)


@pytest.mark.parametrize("law", ["power+E", "chinchilla", "kaplan", "coupled", "data-constrained"])
def test_published_objective_is_no_higher_than_many_starts_find(law: str, tally: Tally) -> None:
    form = FORMS[law]
    runs, truth = table_of(form, noise=0.004, seed=3)
    fit = laws.fit(runs, law, "hoffmann")
    assert fit.objective_value <= best_of_many(form, runs, truth, 1e-3, starts=tally.repeats(3, 9)) * (1 + 1e-4)


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.name)
def test_every_law_says_whether_it_converged_and_where_it_stopped(form: Form) -> None:
    runs, _ = table_of(form, noise=0.002, seed=8)
    fit = laws.fit(runs, form.name)
    assert fit.converged
    assert fit.starts == (0 if form.linear is None else fit.starts) and (fit.iterations > 0) == (
        form.linear is not None
    )
    assert fit.bounds_hit == tuple(item.name for item in fit.estimates if item.at_bound)
    assert set(fit.bounds_hit) <= {item.name for item in form.reported}
    if fit.second_objective is not None:
        assert fit.second_objective > fit.objective_value
        assert fit.second_theta is not None and len(fit.second_theta) == form.n_free


@pytest.mark.parametrize("form", [form for form in ALL if Kind.LEVEL in form.kinds], ids=lambda form: form.name)
@pytest.mark.parametrize("objective", ["huber", "least-squares"])
def test_a_floor_below_zero_is_a_bound_that_was_hit(form: Form, objective: str) -> None:
    runs, truth = table_of(form)
    above = runs.loss - truth[0]
    fit = laws.fit(replace(runs, loss=above - 0.3 * above.min()), form.name, objective)
    assert fit.converged
    assert "E" in fit.bounds_hit


def test_what_is_left_to_gain_by_rounding_keeps_no_fit_from_its_end() -> None:
    """The smaller the residuals, the more digits of an objective are rounding: one point had two, for ever apart."""
    for noise in (3e-4, 1e-5, 1e-6):
        for seed in range(20):
            for law in ("coupled", "kaplan+E"):
                found = laws.fit(lab((9, 16)[seed % 2], seed, noise), law)
                assert found.converged, (noise, seed, law)
