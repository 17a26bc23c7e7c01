"""Exponents and optima against closed forms, published values and simulated truth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scalelab import laws
from scalelab.errors import BadInput

from ..simulated import lab
from .labs import truth
from .public import chinchilla_epoch


def test_separate_terms_have_the_closed_form_and_its_delta_interval() -> None:
    fit = laws.fit(lab(25))
    alpha, beta = fit.params["alpha"], fit.params["beta"]
    found = laws.exponents(fit)
    assert found.a.value == pytest.approx(beta / (alpha + beta), abs=1e-8)
    assert found.a.value + found.b.value == pytest.approx(1.0, abs=1e-8)
    gradient = np.array([0, 0, 0, -beta, alpha]) / (alpha + beta) ** 2
    assert found.a.se == pytest.approx(float(np.sqrt(gradient @ np.array(fit.covariance) @ gradient)), rel=1e-4)
    assert laws.exponents(fit, 1e26).a.value == pytest.approx(found.a.value, abs=1e-8)


def test_the_best_n_is_where_both_terms_fall_alike() -> None:
    """α A/N^α = β B/D^β there (Hoffmann et al. 2022, equation 4)."""
    fit = laws.fit(lab(25))
    p, best = fit.params, laws.optimum_interval(fit, 1e22)
    n, d = best.n_params.value, best.n_tokens.value
    assert 6 * n * d == pytest.approx(1e22, rel=1e-9)
    assert p["alpha"] * p["A"] / n ** p["alpha"] == pytest.approx(p["beta"] * p["B"] / d ** p["beta"], rel=1e-6)
    assert best.loss.value == pytest.approx(float(fit.loss(n, d)), rel=1e-9)
    there = fit.predict(n, d)  # by the envelope theorem the optimum's own motion does not count
    assert (best.loss.low, best.loss.high) == pytest.approx((there.low, there.high), rel=1e-5)


def test_the_240_public_runs_hold_the_published_exponent(shared_data: Path) -> None:
    """Besiroglu et al. 2024 (arXiv 2404.10102): a = .513."""
    runs = chinchilla_epoch(shared_data)
    fit = laws.fit(runs, "chinchilla", "hoffmann")
    found = laws.exponents(fit)
    assert found.a.value == pytest.approx(0.514, abs=5e-4)
    assert found.a.low < 0.513 < found.a.high
    drawn = laws.bootstrap(fit, runs, n=200).exponents()
    assert drawn.a.low < 0.513 < drawn.a.high


@pytest.mark.parametrize("law", ["chinchilla", "coupled", "kaplan"])
def test_slopes_are_those_of_the_frontier_itself(law: str) -> None:
    fit = laws.fit(lab(25, seed=2), law)
    found = laws.exponents(fit, 1e22)
    low, high = (laws.frontier(fit, 1e22 * side).n_params for side in (0.8, 1.25))
    assert found.a.value == pytest.approx(np.log(high / low) / np.log(1.25 / 0.8), abs=1e-4)
    assert found.a.low <= found.a.value <= found.a.high


def test_a_table_of_flops_a_token_is_honoured() -> None:
    fit = laws.fit(lab(25))
    steeper = laws.exponents(fit, 1e21, lambda n: 6.0 * n * (n / 1e9) ** 0.2)
    alpha, beta = fit.params["alpha"], fit.params["beta"]
    assert steeper.a.value == pytest.approx(beta / (alpha + 1.2 * beta), abs=1e-6)
    assert steeper.b.value == pytest.approx(1 - 1.2 * steeper.a.value, abs=1e-6)
    sizes = np.geomspace(1e7, 1e11, 9)
    table = tuple((float(n), float(6.0 * n * (n / 1e9) ** 0.2)) for n in sizes)
    assert laws.exponents(fit, 1e21, table).a.value == pytest.approx(steeper.a.value, abs=1e-6)


def test_intervals_of_exponent_and_optimum_cover_simulated_truth() -> None:
    hits = []
    for seed in range(60):
        law = truth(16, seed)
        fit = laws.fit(law.lab(seed))
        alpha, beta = law.numbers["alpha"], law.numbers["beta"]
        a, best = laws.exponents(fit).a, laws.optimum_interval(fit, 10 * fit.c_range[1])
        gain = (alpha * law.numbers["A"] / (beta * law.numbers["B"])) ** (1 / (alpha + beta))
        n = gain * (10 * fit.c_range[1] / 6) ** (beta / (alpha + beta))
        hits += [a.low <= beta / (alpha + beta) <= a.high, best.n_params.low <= n <= best.n_params.high]
    assert 0.88 <= np.mean(hits) <= 1.0


def test_records_go_to_json_and_back() -> None:
    fit = laws.fit(lab(16))
    growth, best = laws.exponents(fit), laws.optimum_interval(fit, 1e21)
    assert laws.Exponents.from_dict(json.loads(json.dumps(growth.to_dict(), allow_nan=False))) == growth
    assert laws.OptimumInterval.from_dict(json.loads(json.dumps(best.to_dict(), allow_nan=False))) == best


def test_a_law_without_a_best_split_says_so() -> None:
    with pytest.raises(BadInput, match="no best N"):
        laws.exponents(laws.fit(lab(16), "power"))
    with pytest.raises(BadInput, match="compute"):
        laws.exponents(laws.fit(lab(16)), float("nan"))


def test_a_stored_fit_is_evaluated_without_scipy() -> None:
    stored = laws.fit(lab(16)).to_json()
    code = (
        "import sys; from scalelab import laws; fit = laws.Fit.from_json(sys.stdin.read());"
        "laws.exponents(fit); laws.optimum_interval(fit, 1e21); assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], input=stored, text=True, check=True)
