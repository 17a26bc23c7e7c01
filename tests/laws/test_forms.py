"""Every law's value against its formula as printed, and its derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.laws.forms import ALL, FORMS, Form, Inputs, form_named
from scalelab.laws.forms.form import Kind

N = np.array([1.1e5, 7e5, 3e6, 4e7, 9e8])
D = np.array([3e6, 2e7, 1.5e8, 8e9, 1e11])
INPUTS = Inputs.of(N, D)
RANGES = {
    Kind.LEVEL: (0.1, 2.5),
    Kind.SCALE: (0.0, 12.0),
    Kind.EXPONENT: (0.1, 1.2),
    Kind.SLOPE: (-0.5, 0.5),
}


def a_theta(form: Form) -> st.SearchStrategy[np.ndarray]:
    return st.tuples(*(st.floats(*RANGES[kind]) for kind in form.kinds)).map(np.array)


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_gradient_agrees_with_differences(form: Form) -> None:
    @settings(max_examples=25, deadline=None)
    @given(theta=a_theta(form))
    def check(theta: np.ndarray) -> None:
        step = 1e-6
        for i, row in enumerate(np.eye(form.n_free) * step):
            difference = (form.log_loss(theta + row, INPUTS) - form.log_loss(theta - row, INPUTS)) / (2 * step)
            np.testing.assert_allclose(form.gradient(theta, INPUTS)[:, i], difference, rtol=1e-5, atol=1e-6)

    check()


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_contracted_hessian_agrees_with_differences_of_the_gradient(form: Form) -> None:
    weights = np.array([[0.3, -1.0, 2.0, 0.7, -0.2]])

    @settings(max_examples=25, deadline=None)
    @given(theta=a_theta(form))
    def check(theta: np.ndarray) -> None:
        step = 1e-6
        node = form.compose(theta[None], form.prepare(INPUTS))
        hessian = np.broadcast_to(node.contract(weights), (1, form.n_free, form.n_free))[0]
        for i, row in enumerate(np.eye(form.n_free) * step):
            difference = (form.gradient(theta + row, INPUTS) - form.gradient(theta - row, INPUTS)) / (2 * step)
            np.testing.assert_allclose(hessian[i], weights[0] @ difference, rtol=1e-4, atol=1e-4)

    check()


@pytest.mark.parametrize("form", ALL, ids=lambda form: form.name)
def test_many_parameter_vectors_at_once_are_each_alone(form: Form) -> None:
    rng = np.random.default_rng(1)
    thetas = np.array([[rng.uniform(*RANGES[kind]) for kind in form.kinds] for _ in range(4)])
    together = form.log_loss(thetas, INPUTS)
    np.testing.assert_allclose(together, [form.log_loss(theta, INPUTS) for theta in thetas], rtol=1e-13)


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
        "compute": lambda p: p["E"] + p["K"] / (6 * N * D) ** p["gamma"],
    }
    assert set(theta) == set(FORMS), "a new law needs its formula here"
    for name, values in theta.items():
        form = FORMS[name]
        expected = written[name](reported(form, np.array(values)))
        np.testing.assert_allclose(np.exp(form.log_loss(np.array(values), INPUTS)), expected, rtol=1e-12)


def kaplan(p: dict[str, float]) -> np.ndarray:
    return ((p["N_c"] / N) ** (p["alpha_N"] / p["alpha_D"]) + p["D_c"] / D) ** p["alpha_D"]


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
