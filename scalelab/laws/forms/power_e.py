"""L = E + k · N^-a · D^-b: the power law over a floor; and its one-variable relative, a law of compute alone."""

from __future__ import annotations

import numpy as np

from scalelab.laws.forms.form import Form, Inputs, Kind, Linear, additive, design, entry, level
from scalelab.laws.forms.nodes import Affine, Node, Over
from scalelab.laws.runs import Array

EXPONENTS = np.geomspace(0.02, 1.2, 12)


def _compose(theta: Array, rows: Array) -> Node:
    return Over(theta, 0, Affine(theta, rows))


def _prepare(inputs: Inputs) -> Array:
    return design(inputs, 4, ones=1, n=2, d=3)


def _linear(cells: Array, inputs: Inputs, loss: Array) -> Linear:
    product = np.exp(-cells[:, :1] * inputs.log_n - cells[:, 1:] * inputs.log_d)
    return additive(lambda loss: [np.ones_like(product), product], loss)


def _assemble(cells: Array, coefficients: Array, loss: Array) -> Array:
    return np.column_stack([np.exp(coefficients[:, 0]), coefficients[:, 1:], cells])


POWER_E = Form(
    name="power+E",
    formula="L = E + k / (N^a * D^b)",
    source="the power law over an irreducible loss",
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.EXPONENT, Kind.EXPONENT),
    reported=(level(), entry("k", 1, log=True), entry("a", 2, log=False), entry("b", 3, log=False)),
    prepare=_prepare,
    compose=_compose,
    axes=(EXPONENTS, EXPONENTS),
    linear=_linear,
    assemble=_assemble,
    pairs=((1, 2, "n"), (1, 3, "d")),
)


def _prepare_compute(inputs: Inputs) -> Array:
    rows = design(inputs, 3, ones=1)
    rows[:, 2] = -(inputs.log_n + inputs.log_d + np.log(6.0))
    return rows


def _linear_compute(cells: Array, inputs: Inputs, loss: Array) -> Linear:
    product = np.exp(-cells * (inputs.log_n + inputs.log_d + np.log(6.0)))
    return additive(lambda loss: [np.ones_like(product), product], loss)


COMPUTE = Form(
    name="compute",
    formula="L = E + K / (6*N*D)^gamma",
    source="what remains visible when N and D always moved together",
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.EXPONENT),
    reported=(level(), entry("K", 1, log=True), entry("gamma", 2, log=False)),
    prepare=_prepare_compute,
    compose=_compose,
    axes=(np.geomspace(0.01, 0.8, 30),),
    linear=_linear_compute,
    assemble=_assemble,
    pairs=((1, 2, "n"), (1, 2, "d")),
)
