"""L = E + A/N^α + B/D^β + G/(N^γ D^δ): chinchilla and a term in which the two shortages multiply.

For many runs: with fewer than 20, half of the simulated tables left some direction so flat that no minimum was reached,
so that those are refused.
"""

from __future__ import annotations

import numpy as np

from scalelab.laws.forms.chinchilla import CHINCHILLA
from scalelab.laws.forms.form import Axis, Case, Form, Inputs, Kind, Linear, additive, entry, level, terms
from scalelab.laws.forms.summed import Summed, Terms
from scalelab.laws.runs import Array

OWN = np.array([0.12, 0.25, 0.4, 0.65, 1.1])
"""α and β on the grid."""
SHARED = np.array([0.05, 0.15, 0.35, 0.8])
"""γ and δ on the grid."""


def _prepare(inputs: Inputs) -> Terms:
    return terms(inputs, 8, {"one": 1, "n": 4}, {"one": 2, "d": 5}, {"one": 3, "n": 6, "d": 7}, floor=0)


def _linear(theta: Array, inputs: Inputs, loss: Array) -> Linear:
    alpha, beta, gamma, delta = (theta[:, i : i + 1] for i in range(4, 8))
    by_n, by_d = np.exp(-alpha * inputs.log_n), np.exp(-beta * inputs.log_d)
    by_both = np.exp(-gamma * inputs.log_n - delta * inputs.log_d)
    return additive([np.ones_like(by_n), by_n, by_d, by_both], loss)


def _with_little_interaction(theta: Array) -> Array:
    """Chinchilla's, and a hundredth of the geometric mean of its two terms."""
    e, a, b, alpha, beta = theta.T
    return np.stack([e, a, b, 0.5 * (a + b) - np.log(100.0), alpha, beta, 0.5 * alpha, 0.5 * beta], axis=1)


INTERACTION = Form(
    name="interaction",
    formula="L = E + A/N^alpha + B/D^beta + G/(N^gamma * D^delta)",
    source="chinchilla (Hoffmann et al. 2022, arXiv 2203.15556) with a term of both variables: for many runs",
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.SCALE, Kind.SCALE, *[Kind.EXPONENT] * 4),
    reported=(
        level(),
        entry("A", 1, log=True),
        entry("B", 2, log=True),
        entry("G", 3, log=True),
        entry("alpha", 4, log=False),
        entry("beta", 5, log=False),
        entry("gamma", 6, log=False),
        entry("delta", 7, log=False),
    ),
    prepare=_prepare,
    compose=Summed,
    axes=(
        Axis(index=4, values=OWN),
        Axis(index=5, values=OWN),
        Axis(index=6, values=SHARED),
        Axis(index=7, values=SHARED),
    ),
    coefficients=(0, 1, 2, 3),
    linear=_linear,
    pairs=((1, 4, "n"), (2, 5, "d"), (3, 6, "n"), (3, 7, "d")),
    least_runs=20,
    cases=(Case(form=CHINCHILLA, within=_with_little_interaction),),
)
