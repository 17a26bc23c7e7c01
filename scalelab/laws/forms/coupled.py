"""L = E + (A/N^α + B/D^β)^κ: chinchilla whose two shortages act on one another; κ = 1 is chinchilla itself."""

from __future__ import annotations

import numpy as np

from scalelab.laws.forms.chinchilla import CHINCHILLA
from scalelab.laws.forms.form import Axis, Case, Form, Inputs, Kind, Linear, entry, level, terms
from scalelab.laws.forms.kaplan import FLOORS, KAPLAN_E, inner_problem
from scalelab.laws.forms.summed import Summed, Terms
from scalelab.laws.runs import Array

OUTER = np.array([0.12, 0.3, 0.6, 1.0, 3.0, 10.0])
"""κ on the grid."""
SLOPES = np.geomspace(0.06, 0.9, 5)
"""α·κ and β·κ on the grid: how the loss falls where one shortage rules."""


def _prepare(inputs: Inputs) -> Terms:
    return terms(inputs, 6, {"one": 1, "n": 3}, {"one": 2, "d": 4}, floor=0, outer=5)


def _linear(theta: Array, inputs: Inputs, loss: Array) -> Linear:
    basis = [np.exp(-theta[:, 3:4] * inputs.log_n), np.exp(-theta[:, 4:5] * inputs.log_d)]
    return inner_problem(basis, theta[:, :1], theta[:, 5:], loss)


def _unfold(cells: Array, loss: Array) -> Array:
    floor, outer, by_n, by_d = cells.T
    return np.column_stack([floor * loss.min(), outer, by_n / outer, by_d / outer])


COUPLED = Form(
    name="coupled",
    formula="L = E + (A/N^alpha + B/D^beta)^kappa",
    source="chinchilla with an outer power; holds kaplan (beta = 1) and chinchilla (kappa = 1)",
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.SCALE, Kind.EXPONENT, Kind.EXPONENT, Kind.EXPONENT),
    reported=(
        level(),
        entry("A", 1, log=True),
        entry("B", 2, log=True),
        entry("alpha", 3, log=False),
        entry("beta", 4, log=False),
        entry("kappa", 5, log=False),
    ),
    prepare=_prepare,
    compose=Summed,
    axes=(
        Axis(index=0, values=FLOORS),
        Axis(index=5, values=OUTER),
        Axis(index=3, values=SLOPES),
        Axis(index=4, values=SLOPES),
    ),
    coefficients=(1, 2),
    linear=_linear,
    unfold=_unfold,
    pairs=((1, 3, "n"), (2, 4, "d")),
    cases=(
        Case(form=CHINCHILLA, within=lambda theta: np.insert(theta, 5, 1.0, axis=1)),
        Case(form=KAPLAN_E, within=lambda theta: np.insert(theta, 4, 1.0, axis=1)),
    ),
)
