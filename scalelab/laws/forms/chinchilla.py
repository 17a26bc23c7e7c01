"""L = E + A/N^α + B/D^β (Hoffmann et al. 2022, arXiv 2203.15556, equation 2), and the same with α = β."""

from __future__ import annotations

import numpy as np

from scalelab.laws.forms.form import Axis, Case, Form, Inputs, Kind, Linear, additive, entry, level, terms
from scalelab.laws.forms.summed import Summed, Terms
from scalelab.laws.runs import Array

EXPONENTS = np.geomspace(0.04, 2.0, 14)
SOURCE = "Hoffmann et al. 2022, arXiv 2203.15556"


def _prepare(inputs: Inputs) -> Terms:
    return terms(inputs, 5, {"one": 1, "n": 3}, {"one": 2, "d": 4}, floor=0)


def _prepare_tied(inputs: Inputs) -> Terms:
    return terms(inputs, 4, {"one": 1, "n": 3}, {"one": 2, "d": 3}, floor=0)


def _linear(theta: Array, inputs: Inputs, loss: Array) -> Linear:
    by_n = np.exp(-theta[:, 3:4] * inputs.log_n)
    by_d = np.exp(-theta[:, -1:] * inputs.log_d)
    return additive([np.ones_like(by_n), by_n, by_d], loss)


_TERMS = (level(), entry("A", 1, log=True), entry("B", 2, log=True))

CHINCHILLA_TIED = Form(
    name="chinchilla-tied",
    formula="L = E + A/N^alpha + B/D^alpha",
    source=f"{SOURCE}, one exponent for both: for few runs",
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.SCALE, Kind.EXPONENT),
    reported=(*_TERMS, entry("alpha", 3, log=False)),
    prepare=_prepare_tied,
    compose=Summed,
    axes=(Axis(index=3, values=np.geomspace(0.04, 2.0, 40)),),
    coefficients=(0, 1, 2),
    linear=_linear,
    pairs=((1, 3, "n"), (2, 3, "d")),
)

CHINCHILLA = Form(
    name="chinchilla",
    formula="L = E + A/N^alpha + B/D^beta",
    source=SOURCE,
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.SCALE, Kind.EXPONENT, Kind.EXPONENT),
    reported=(*_TERMS, entry("alpha", 3, log=False), entry("beta", 4, log=False)),
    prepare=_prepare,
    compose=Summed,
    axes=(Axis(index=3, values=EXPONENTS), Axis(index=4, values=EXPONENTS)),
    coefficients=(0, 1, 2),
    linear=_linear,
    pairs=((1, 3, "n"), (2, 4, "d")),
    cases=(Case(form=CHINCHILLA_TIED, within=lambda theta: theta[:, [0, 1, 2, 3, 3]]),),
)
