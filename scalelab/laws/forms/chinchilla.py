"""L = E + A/N^α + B/D^β (Hoffmann et al. 2022, arXiv 2203.15556, equation 2), and the same with α = β."""

from __future__ import annotations

import numpy as np

from scalelab.laws.forms.form import Axis, Form, Inputs, Kind, Linear, additive, design, entry, level
from scalelab.laws.forms.nodes import Node, Over, TermSum
from scalelab.laws.runs import Array

EXPONENTS = np.geomspace(0.04, 2.0, 14)
SOURCE = "Hoffmann et al. 2022, arXiv 2203.15556"


def _compose(theta: Array, rows: Array) -> Node:
    return Over(theta, 0, TermSum(theta, rows))


def _prepare(inputs: Inputs) -> Array:
    return np.stack([design(inputs, 5, ones=1, n=3), design(inputs, 5, ones=2, d=4)])


def _prepare_tied(inputs: Inputs) -> Array:
    return np.stack([design(inputs, 4, ones=1, n=3), design(inputs, 4, ones=2, d=3)])


def _linear(theta: Array, inputs: Inputs, loss: Array) -> Linear:
    by_n = np.exp(-theta[:, 3:4] * inputs.log_n)
    by_d = np.exp(-theta[:, -1:] * inputs.log_d)
    return additive([np.ones_like(by_n), by_n, by_d], loss)


_TERMS = (level(), entry("A", 1, log=True), entry("B", 2, log=True))

CHINCHILLA = Form(
    name="chinchilla",
    formula="L = E + A/N^alpha + B/D^beta",
    source=SOURCE,
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.SCALE, Kind.EXPONENT, Kind.EXPONENT),
    reported=(*_TERMS, entry("alpha", 3, log=False), entry("beta", 4, log=False)),
    prepare=_prepare,
    compose=_compose,
    axes=(Axis(index=3, values=EXPONENTS), Axis(index=4, values=EXPONENTS)),
    coefficients=(0, 1, 2),
    linear=_linear,
    pairs=((1, 3, "n"), (2, 4, "d")),
)

CHINCHILLA_TIED = Form(
    name="chinchilla-tied",
    formula="L = E + A/N^alpha + B/D^alpha",
    source=f"{SOURCE}, one exponent for both: for few runs",
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.SCALE, Kind.EXPONENT),
    reported=(*_TERMS, entry("alpha", 3, log=False)),
    prepare=_prepare_tied,
    compose=_compose,
    axes=(Axis(index=3, values=np.geomspace(0.04, 2.0, 40)),),
    coefficients=(0, 1, 2),
    linear=_linear,
    pairs=((1, 3, "n"), (2, 3, "d")),
)
