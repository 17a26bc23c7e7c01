"""L = [(N_c/N)^(α_N/α_D) + D_c/D]^α_D (Kaplan et al. 2020, arXiv 2001.08361, equation 1.5), plain and over a floor E.

Fitted as α_D · ln(exp(a)/N^p + exp(b)/D), whose parameters are far less entangled than N_c and α_N; those are reported.
"""

from __future__ import annotations

import numpy as np

from scalelab.laws.forms.coupled import FLOORS, inner_problem
from scalelab.laws.forms.form import Axis, Form, Inputs, Kind, Linear, Reported, entry, level, terms
from scalelab.laws.forms.summed import Summed, Terms
from scalelab.laws.runs import Array

SOURCE = "Kaplan et al. 2020, arXiv 2001.08361"
OUTER = np.geomspace(0.03, 1.2, 12)
RATIO = np.geomspace(0.15, 4.0, 12)


def _terms(inputs: Inputs, n_free: int, floor: int | None) -> Terms:
    """The terms a − p ln N, and b with the −ln D that it has without a parameter."""
    first = n_free - 4
    by_n, by_d = {"one": first, "n": first + 2}, {"one": first + 1}
    shift = np.stack([np.zeros_like(inputs.log_d), -inputs.log_d])
    return terms(inputs, n_free, by_n, by_d, floor=floor, outer=n_free - 1, shift=shift)


def _prepare(inputs: Inputs) -> Terms:
    return _terms(inputs, 4, None)


def _prepare_floor(inputs: Inputs) -> Terms:
    return _terms(inputs, 5, 0)


def _linear(theta: Array, inputs: Inputs, loss: Array) -> Linear:
    """Of both forms: the last two entries are the ratio and the outer power, a floor stands first if there is one."""
    ratio, outer = theta[:, -2:-1], theta[:, -1:]
    floor = theta[:, :1] if theta.shape[1] == 5 else 0.0
    basis = [np.exp(-ratio * inputs.log_n), np.exp(-inputs.log_d)[None]]
    return inner_problem(basis, floor, outer, loss)


def _unfold_floor(cells: Array, loss: Array) -> Array:
    return np.column_stack([cells[:, 0] * loss.min(), cells[:, 1:]])


def _reported(first: int) -> tuple[Reported, ...]:
    a, b, p, outer = range(first, first + 4)
    return (
        Reported(name="N_c", value=lambda theta: theta[a] / theta[p], log=True, needs=(a, p)),
        entry("D_c", b, log=True),
        Reported(name="alpha_N", value=lambda theta: theta[p] * theta[outer], log=False, needs=(p, outer)),
        entry("alpha_D", outer, log=False),
    )


_KINDS = (Kind.SCALE, Kind.SCALE, Kind.EXPONENT, Kind.EXPONENT)

KAPLAN = Form(
    name="kaplan",
    formula="L = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D",
    source=SOURCE,
    kinds=_KINDS,
    reported=_reported(0),
    prepare=_prepare,
    compose=Summed,
    axes=(Axis(index=2, values=RATIO), Axis(index=3, values=OUTER)),
    coefficients=(0, 1),
    linear=_linear,
    pairs=((0, 2, "n"),),
)

KAPLAN_E = Form(
    name="kaplan+E",
    formula="L = E + [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D",
    source=f"{SOURCE}, over an irreducible loss",
    kinds=(Kind.LEVEL, *_KINDS),
    reported=(level(), *_reported(1)),
    prepare=_prepare_floor,
    compose=Summed,
    axes=(Axis(index=0, values=FLOORS), Axis(index=3, values=RATIO[::2]), Axis(index=4, values=OUTER[::2])),
    coefficients=(1, 2),
    linear=_linear,
    unfold=_unfold_floor,
    pairs=((1, 3, "n"),),
)
