"""Every law's value against its formula as printed, and its derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.laws.forms import ALL, FORMS, Form, Inputs, form_named
from scalelab.laws.forms.form import Kind
from scalelab.laws.forms.repetition import Sufficient

N = np.array([1.1e5, 7e5, 3e6, 4e7, 9e8])
D = np.array([3e6, 2e7, 1.5e8, 8e9, 1e11])
UNIQUE = D / np.array([1.0, 3.0, 40.0, 1.0, 700.0])
INPUTS = Inputs.of(N, D, unique_tokens=UNIQUE)
RANGES = {
    Kind.LEVEL: (0.1, 2.5),
    Kind.SCALE: (0.0, 12.0),
    Kind.EXPONENT: (0.1, 1.2),
    Kind.SLOPE: (-0.5, 0.5),
    Kind.REPEATS: (-1.0, 5.0),
}
STEP = 1e-6


def a_theta(form: Form) -> st.SearchStrategy[np.ndarray]:
    return st.tuples(*(st.floats(*RANGES[kind]) for kind in form.kinds)).map(np.array)


def some_inputs() -> st.SearchStrategy[Inputs]:
    """Five runs anywhere, each with its tokens up to e^6 times repeated."""
    five = st.lists(st.tuples(st.floats(9.0, 25.0), st.floats(14.0, 30.0), st.floats(0.0, 6.0)), min_size=5, max_size=5)
    return five.map(np.array).map(
        lambda logs: Inputs.of(np.exp(logs[:, 0]), np.exp(logs[:, 1]), unique_tokens=np.exp(logs[:, 1] - logs[:, 2]))
    )


def away_from_kinks(form: Form, theta: np.ndarray, inputs: Inputs) -> bool:
    """Whether no run lies where N is just what its unique tokens suffice for: there the second derivative jumps."""
    if form.name != "data-constrained":
        return True
    suffices = Sufficient(theta[None], 1, np.minimum(np.log(inputs.extra["unique_tokens"]), inputs.log_d)).value[0]
    return bool((np.abs(inputs.log_n - suffices) > 1e-3).all())


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_gradient_agrees_with_differences(form: Form) -> None:
    @settings(max_examples=20, deadline=None)
    @given(theta=a_theta(form), inputs=some_inputs())
    def check(theta: np.ndarray, inputs: Inputs) -> None:
        for i, row in enumerate(np.eye(len(theta)) * STEP):
            difference = (form.log_loss(theta + row, inputs) - form.log_loss(theta - row, inputs)) / (2 * STEP)
            np.testing.assert_allclose(form.gradient(theta, inputs)[:, i], difference, rtol=1e-5, atol=2e-6)

    check()


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_contracted_hessian_agrees_with_differences_of_the_gradient(form: Form) -> None:
    weights = np.array([[0.3, -1.0, 2.0, 0.7, -0.2]])

    @settings(max_examples=20, deadline=None)
    @given(theta=a_theta(form), inputs=some_inputs())
    def check(theta: np.ndarray, inputs: Inputs) -> None:
        assume(away_from_kinks(form, theta, inputs))
        p = len(theta)
        hessian = np.broadcast_to(form.compose(theta[None], form.prepare(inputs)).contract(weights), (1, p, p))[0]
        size = 1.0 + np.abs(hessian).max()
        for i, row in enumerate(np.eye(p) * STEP):
            difference = (form.gradient(theta + row, inputs) - form.gradient(theta - row, inputs)) / (2 * STEP)
            np.testing.assert_allclose(hessian[i] / size, weights[0] @ difference / size, atol=2e-6)

    check()


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_many_parameter_vectors_at_once_are_each_alone(form: Form) -> None:
    rng = np.random.default_rng(1)
    thetas = np.array([[rng.uniform(*RANGES[kind]) for kind in form.kinds] for _ in range(4)])
    nodes = form.compose(thetas, form.prepare(INPUTS))
    weights = rng.standard_normal((4, 5))
    hessians = np.broadcast_to(nodes.contract(weights), (4, form.n_free, form.n_free))
    for i, theta in enumerate(thetas):
        alone = form.compose(theta[None], form.prepare(INPUTS))
        np.testing.assert_allclose(nodes.value[i], alone.value[0], rtol=1e-13)
        np.testing.assert_allclose(hessians[i], alone.contract(weights[i : i + 1])[0], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("form", [form for form in ALL if Kind.SLOPE not in form.kinds], ids=lambda form: form.name)
def test_more_parameters_or_tokens_never_make_the_loss_larger(form: Form) -> None:
    @settings(max_examples=20, deadline=None)
    @given(theta=a_theta(form), inputs=some_inputs())
    def check(theta: np.ndarray, inputs: Inputs) -> None:
        n, d, unique = np.exp(inputs.log_n), np.exp(inputs.log_d), inputs.extra["unique_tokens"]
        here = form.log_loss(theta, inputs)
        for more in (
            Inputs.of(1.3 * n, d, unique_tokens=unique),
            Inputs.of(n, 1.3 * d, unique_tokens=unique),  # the same tokens once more
            Inputs.of(n, 1.3 * d, unique_tokens=1.3 * unique),  # fresh ones
        ):
            assert (form.log_loss(theta, more) <= here + 1e-12).all()

    check()


def reported(form: Form, theta: np.ndarray) -> dict[str, float]:
    return {item.name: float(np.exp(item.value(theta)) if item.log else item.value(theta)) for item in form.reported}


def test_values_are_those_of_the_printed_formulas() -> None:
    theta = {
        "power": [3.0, -0.07, -0.05],
        "power+E": [0.5, 5.0, 0.2, 0.15],
        "chinchilla": [0.6, 6.0, 7.0, 0.34, 0.28],
        "chinchilla-tied": [0.6, 6.0, 7.0, 0.3],
        "coupled": [0.4, 5.0, 6.0, 0.5, 0.6, 0.4],
        "kaplan": [6.0, 8.0, 0.8, 0.1],
        "kaplan+E": [0.3, 6.0, 8.0, 0.8, 0.2],
        "interaction": [0.5, 5.0, 6.0, 4.0, 0.3, 0.25, 0.1, 0.12],
        "data-constrained": [0.6, 6.0, 7.0, 0.34, 0.36, np.log(15.0), np.log(5.0)],
        "compute": [0.4, 4.0, 0.1],
    }
    written = {
        "power": lambda p: p["k"] * N ** p["alpha"] * D ** p["beta"],
        "power+E": lambda p: p["E"] + p["k"] / (N ** p["a"] * D ** p["b"]),
        "chinchilla": lambda p: p["E"] + p["A"] / N ** p["alpha"] + p["B"] / D ** p["beta"],
        "chinchilla-tied": lambda p: p["E"] + p["A"] / N ** p["alpha"] + p["B"] / D ** p["alpha"],
        "coupled": lambda p: p["E"] + (p["A"] / N ** p["alpha"] + p["B"] / D ** p["beta"]) ** p["kappa"],
        "kaplan": kaplan,
        "kaplan+E": lambda p: p["E"] + kaplan(p),
        "interaction": lambda p: (
            p["E"] + p["A"] / N ** p["alpha"] + p["B"] / D ** p["beta"] + p["G"] / (N ** p["gamma"] * D ** p["delta"])
        ),
        "data-constrained": data_constrained,
        "compute": lambda p: p["E"] + p["K"] / (6 * N * D) ** p["gamma"],
    }
    assert set(theta) == set(FORMS), "a new law needs its formula here"
    for name, values in theta.items():
        form = FORMS[name]
        expected = written[name](reported(form, np.array(values)))
        np.testing.assert_allclose(np.exp(form.log_loss(np.array(values), INPUTS)), expected, rtol=1e-12)


def kaplan(p: dict[str, float]) -> np.ndarray:
    return ((p["N_c"] / N) ** (p["alpha_N"] / p["alpha_D"]) + p["D_c"] / D) ** p["alpha_D"]


def data_constrained(p: dict[str, float]) -> np.ndarray:
    """As the authors' notebook computes it: N_opt from the compute that U tokens are optimal for."""
    g = (p["alpha"] * p["A"] / (p["beta"] * p["B"])) ** (1 / (p["alpha"] + p["beta"]))
    suffices = (UNIQUE * g) ** (p["beta"] / p["alpha"]) * g
    u_n = np.minimum(suffices, N)
    r_n, r_d = N / u_n - 1, D / UNIQUE - 1
    n = u_n + u_n * p["R_N*"] * (1 - np.exp(-r_n / p["R_N*"]))
    d = UNIQUE + UNIQUE * p["R_D*"] * (1 - np.exp(-r_d / p["R_D*"]))
    assert (u_n < N).any() and (u_n == N).any()
    return p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]


def test_coupled_holds_chinchilla_and_kaplan() -> None:
    chinchilla = np.array([0.6, 6.0, 7.0, 0.34, 0.28])
    as_coupled = FORMS["coupled"].log_loss(np.array([*chinchilla, 1.0]), INPUTS)
    np.testing.assert_allclose(as_coupled, FORMS["chinchilla"].log_loss(chinchilla, INPUTS), rtol=1e-13)
    floor = np.array([0.3, 6.0, 8.0, 0.8, 0.2])
    as_coupled = FORMS["coupled"].log_loss(np.array([0.3, 6.0, 8.0, 0.8, 1.0, 0.2]), INPUTS)
    np.testing.assert_allclose(as_coupled, FORMS["kaplan+E"].log_loss(floor, INPUTS), rtol=1e-13)


def test_unknown_law_names_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean chinchilla"):
        form_named("chinchila")


def test_data_constrained_is_chinchilla_where_all_is_fresh_and_no_model_too_large() -> None:
    theta = np.array([0.6, 6.0, 7.0, 0.34, 0.36, 2.7, 1.7])
    small = Inputs.of(np.full(5, 1e4), D)
    np.testing.assert_allclose(
        FORMS["data-constrained"].log_loss(theta, small), FORMS["chinchilla"].log_loss(theta[:5], small), rtol=1e-13
    )


def test_a_repeated_token_is_worth_less_than_a_fresh_one_and_ever_less() -> None:
    theta = np.array([0.6, 6.0, 7.0, 0.34, 0.36, np.log(15.0), np.log(5.0)])
    epochs = np.array([1.0, 2.0, 4.0, 16.0, 64.0, 9000.0])
    loss = FORMS["data-constrained"].log_loss(theta, Inputs.of(1e4, 1e8 * epochs, unique_tokens=np.full(6, 1e8)))
    fresh = FORMS["data-constrained"].log_loss(theta, Inputs.of(1e4, 1e8 * epochs))
    assert loss[0] == pytest.approx(fresh[0], abs=1e-14)
    assert (loss[1:] > fresh[1:]).all()
    assert loss[-1] == pytest.approx(loss[-2], rel=1e-3)
