"""The fitter on laws that are known, on odd tables, and under changes that must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import Fit, RunTable, run_table
from scalelab.laws.choice.judge import OFFERED
from scalelab.laws.fitting.fitter import fit_each
from scalelab.laws.fitting.grid import nonnegative
from scalelab.laws.forms import ALL, FORMS, Form, Inputs

from ..simulated import TRUTH, chinchilla_loss, grid, lab
from .truths import table_of


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_exact_data_give_the_true_parameters_back(form: Form) -> None:
    runs, truth = table_of(form)
    fit = laws.fit(runs, form.name)
    assert fit.converged
    assert fit.r2_log == pytest.approx(1.0, abs=1e-9)
    np.testing.assert_allclose(fit.theta, truth, rtol=2e-4)


@settings(max_examples=25, deadline=None)
@given(
    e=st.floats(0.5, 3.0), alpha=st.floats(0.2, 0.6), beta=st.floats(0.2, 0.6), share=st.floats(0.2, 0.8),
    height=st.floats(0.5, 4.0),
)  # fmt: skip
def test_any_chinchilla_is_found_from_its_own_grid(
    e: float, alpha: float, beta: float, share: float, height: float
) -> None:
    n, d = grid(25)
    loss = e + height * (share * (n / 1e7) ** -alpha + (1 - share) * (d / 2e8) ** -beta)
    fit = laws.fit(run_table(n_params=n, n_tokens=d, loss=loss))
    assert fit.estimate("alpha").value == pytest.approx(alpha, rel=1e-2)
    assert fit.estimate("beta").value == pytest.approx(beta, rel=1e-2)
    assert fit.estimate("E").value == pytest.approx(e, rel=1e-2)


def test_power_law_is_ordinary_least_squares_with_exact_t_intervals() -> None:
    runs = lab(16, seed=3)
    columns = np.column_stack([np.ones(16), np.log(runs.n_params), np.log(runs.n_tokens)])
    slopes, squares, _, _ = np.linalg.lstsq(columns, np.log(runs.loss), rcond=None)
    se = np.sqrt(np.diag(np.linalg.inv(columns.T @ columns)) * squares[0] / 13)
    fit = laws.fit(runs, "power")
    assert fit.estimate("alpha").value == pytest.approx(slopes[1], rel=1e-9)
    assert fit.estimate("alpha").se == pytest.approx(se[1], rel=1e-9)
    assert fit.t_quantile == pytest.approx(2.160368656, rel=1e-8)  # t table, 13 degrees, 0.975
    assert fit.estimate("beta").high == pytest.approx(slopes[2] + 2.160368656 * se[2], rel=1e-8)
    assert fit.estimate("k").value == pytest.approx(np.exp(slopes[0]), rel=1e-9)


@pytest.mark.parametrize("law", ["power+E", "chinchilla", "kaplan", "coupled"])
def test_minimum_is_no_higher_than_what_general_optimisers_find(law: str) -> None:
    from scipy.optimize import minimize

    runs, form = lab(25, seed=7, noise=0.01), FORMS[law]
    fit = laws.fit(runs, law, "least-squares")
    inputs, target = Inputs.of(runs.n_params, runs.n_tokens), np.log(runs.loss)
    lower, upper = form.bounds(runs.loss)

    def half_squares(theta: np.ndarray) -> tuple[float, np.ndarray]:
        theta = np.clip(theta, lower, upper)
        miss = form.log_loss(theta, inputs) - target
        return 0.5 * float(miss @ miss), form.gradient(theta, inputs).T @ miss

    rng = np.random.default_rng(0)
    spread = np.array([1.0 if kind == "scale" else 0.1 for kind in form.kinds])
    found = [
        minimize(half_squares, np.array(fit.theta) + spread * rng.standard_normal(form.n_free), jac=True).fun
        for _ in range(8)
    ]
    assert fit.objective_value <= min(found) * (1 + 1e-7)


@pytest.mark.parametrize("wrong", [0.1, 0.5, -0.1])
@pytest.mark.parametrize("which", [0, 7, 15])
def test_one_wrong_run_hardly_moves_a_tenfold_prediction(wrong: float, which: int) -> None:
    runs = lab(16, seed=5, noise=0.003)
    loss = runs.loss.copy()
    loss[which] *= 1 + wrong
    spoilt = run_table(n_params=runs.n_params, n_tokens=runs.n_tokens, loss=loss)
    before, after = (laws.fit(table).predict(3.2e9, 6.3e10).loss for table in (runs, spoilt))
    assert after == pytest.approx(before, rel=0.03)
    least = laws.fit(spoilt, objective="least-squares").predict(3.2e9, 6.3e10).loss
    assert abs(after - before) < abs(least - before)


def test_units_do_not_change_the_law() -> None:
    runs = lab(25, seed=2)
    other = run_table(n_params=runs.n_params / 1e6, n_tokens=runs.n_tokens / 1e9, loss=runs.loss / np.log(2))
    for law in ("chinchilla", "kaplan", "coupled"):
        plain, scaled = laws.fit(runs, law), laws.fit(other, law)
        here = plain.predict(2e9, 5e10)
        there = scaled.predict(2e3, 50.0)
        assert there.loss * np.log(2) == pytest.approx(here.loss, rel=1e-4)
        assert there.high / there.loss == pytest.approx(here.high / here.loss, rel=1e-3)


def test_floor_of_a_pure_power_law_is_told_to_be_zero() -> None:
    n, d = grid(48)
    pure = 30.0 * n**-0.06 * d**-0.05 * np.exp(0.002 * np.random.default_rng(8).standard_normal(48))
    bent = pure / (1 + 0.03 * np.log(n / n.min()) * np.log(d / d.min()) / 10)  # falls ever faster: no floor
    runs = run_table(n_params=n, n_tokens=d, loss=bent)
    fit, power = laws.fit(runs, "power+E", "least-squares"), laws.fit(runs, "power")
    assert "E" in fit.bounds_hit
    assert fit.estimate("E").value < 1e-3
    assert fit.estimate("a").se > 0
    assert fit.objective_value == pytest.approx(power.objective_value, rel=1e-3)
    assert fit.estimate("a").value == pytest.approx(-power.estimate("alpha").value, rel=1e-3)


def test_fit_goes_to_json_and_back() -> None:
    for form in ALL:
        fit = laws.fit(table_of(form, noise=0.003)[0], form.name)
        assert Fit.from_json(fit.to_json()) == fit


def test_equation_has_the_numbers_in_place_of_the_names() -> None:
    n, d = grid(25)
    fit = laws.fit(run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d)))
    assert fit.equation(3) == "L = 1.8 + 480/N^0.35 + 2.1e+03/D^0.37"
    assert fit.params["A"] == pytest.approx(TRUTH["A"], rel=1e-3)


def take(count: int) -> RunTable:
    return lab(16, seed=9).take(np.random.default_rng(2).permutation(16)[:count])


@pytest.mark.parametrize(("law", "need"), [("power", 6), ("chinchilla", 8), ("coupled", 9)])
def test_too_few_runs_are_refused_in_words(law: str, need: int) -> None:
    laws.fit(take(need), law)
    with pytest.raises(BadInput, match=f"there are {need - 1} runs.*{need} runs or more"):
        laws.fit(take(need - 1), law)


def test_no_spread_and_equal_losses_are_refused_in_words() -> None:
    runs = lab(16)
    same_n = run_table(n_params=np.full(16, 1e8), n_tokens=runs.n_tokens, loss=runs.loss)
    same_loss = run_table(n_params=runs.n_params, n_tokens=runs.n_tokens, loss=np.full(16, 3.0))
    with pytest.raises(BadInput, match=r"all 16 runs have n_params = 100M"):
        laws.fit(same_n)
    with pytest.raises(BadInput, match="all 16 runs have loss 3"):
        laws.fit(same_loss)


def test_law_with_many_valleys_is_refused_to_few_runs() -> None:
    with pytest.raises(BadInput, match=r"interaction has 8 parameters and there are 16 runs \(allowed: 20 runs"):
        laws.fit(lab(16), "interaction")
    assert laws.fit(lab(25), "interaction").n_runs == 25


def test_laws_fitted_at_once_are_each_fitted_as_alone() -> None:
    runs = lab(25, seed=5, noise=0.01)
    for objective in (None, "hoffmann", "least-squares"):
        for law, fit in fit_each(runs, OFFERED, objective).items():
            alone = laws.fit(runs, law, objective)
            assert isinstance(fit, Fit)
            assert fit.objective_value == pytest.approx(alone.objective_value, rel=1e-6)
            np.testing.assert_allclose(fit.loss(1e10, 1e11), alone.loss(1e10, 1e11), rtol=1e-4)


def test_a_law_that_cannot_be_fitted_leaves_the_others() -> None:
    found = fit_each(lab(9), ["power", "interaction", "chinchilla"], fix={"alpha": 0.35})
    assert isinstance(found["interaction"], BadInput)
    assert isinstance(found["power"], BadInput) or found["power"].fixed == ("alpha",)
    assert isinstance(found["chinchilla"], Fit) and found["chinchilla"].params["alpha"] == 0.35


def test_unknown_objective_is_refused() -> None:
    with pytest.raises(BadInput, match="huber, hoffmann, least-squares"):
        laws.fit(lab(16), objective="mse")


def test_diverged_runs_never_enter() -> None:
    runs = lab(16, seed=1)
    loss = [*runs.loss, np.nan, np.inf, -1.0, 0.0]
    n, d = [*runs.n_params, *[1e8] * 4], [*runs.n_tokens, *[1e9] * 4]
    table = run_table(n_params=n, n_tokens=d, loss=loss)
    assert (len(table), table.n_excluded) == (16, 4)
    assert table.excluded[0].run == "run-17"
    assert "nan" in table.excluded[0].reason
    assert laws.fit(table).theta == laws.fit(runs).theta


def test_nonnegative_least_squares_agrees_with_scipy() -> None:
    from scipy.optimize import nnls

    rng = np.random.default_rng(3)
    basis, target = rng.standard_normal((40, 3, 9)), rng.standard_normal((1, 9))
    found = nonnegative(basis, target)
    for cell in range(40):
        np.testing.assert_allclose(found[cell], nnls(basis[cell].T, target[0])[0], atol=1e-8)
