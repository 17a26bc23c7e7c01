"""L = E + k · N^-a · D^-b: the power law over a floor; and its one-variable relative, a law of compute alone."""

from __future__ import annotations

import numpy as np

from scalelab.laws.forms.form import Axis, Form, Inputs, Kind, Linear, additive, entry, level, terms
from scalelab.laws.forms.summed import Summed, Terms
from scalelab.laws.runs import Array

EXPONENTS = np.geomspace(0.02, 1.2, 12)


def _prepare(inputs: Inputs) -> Terms:
    return terms(inputs, 4, {"one": 1, "n": 2, "d": 3}, floor=0)


def _linear(theta: Array, inputs: Inputs, loss: Array) -> Linear:
    product = np.exp(-theta[:, 2:3] * inputs.log_n - theta[:, 3:] * inputs.log_d)
    return additive([np.ones_like(product), product], loss)


POWER_E = Form(
    name="power+E",
    formula="L = E + k / (N^a * D^b)",
    source="the power law over an irreducible loss",
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.EXPONENT, Kind.EXPONENT),
    reported=(level(), entry("k", 1, log=True), entry("a", 2, log=False), entry("b", 3, log=False)),
    prepare=_prepare,
    compose=Summed,
    axes=(Axis(index=2, values=EXPONENTS), Axis(index=3, values=EXPONENTS)),
    coefficients=(0, 1),
    linear=_linear,
    pairs=((1, 2, "n"), (1, 3, "d")),
)


def _prepare_compute(inputs: Inputs) -> Terms:
    made = terms(inputs, 3, {"one": 1, "n": 2, "d": 2}, floor=0)
    made.rows[2] -= np.log(6.0)
    return made


def _linear_compute(theta: Array, inputs: Inputs, loss: Array) -> Linear:
    product = np.exp(-theta[:, 2:] * (inputs.log_n + inputs.log_d + np.log(6.0)))
    return additive([np.ones_like(product), product], loss)


COMPUTE = Form(
    name="compute",
    formula="L = E + K / (6*N*D)^gamma",
    source="what remains visible when N and D always moved together",
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.EXPONENT),
    reported=(level(), entry("K", 1, log=True), entry("gamma", 2, log=False)),
    prepare=_prepare_compute,
    compose=Summed,
    axes=(Axis(index=2, values=np.geomspace(0.01, 0.8, 30)),),
    coefficients=(0, 1),
    linear=_linear_compute,
    pairs=((1, 2, "n"), (1, 2, "d")),
)
