"""L = [(N_c/N)^(α_N/α_D) + D_c/D]^α_D (Kaplan et al. 2020, arXiv 2001.08361, equation 1.5), plain and over a floor E.

Fitted as α_D · ln(exp(a)/N^p + exp(b)/D), whose parameters are far less entangled than N_c and α_N; those are reported.
"""

from __future__ import annotations

import numpy as np

from scalelab.laws.forms.form import Axis, Case, Form, Inputs, Kind, Linear, Reported, entry, level, terms
from scalelab.laws.forms.summed import Summed, Terms
from scalelab.laws.runs import Array

SOURCE = "Kaplan et al. 2020, arXiv 2001.08361"
OUTER = np.geomspace(0.03, 10.0, 14)
"""α_D on the grid, up to its bound: where runs know no floor and no bend it runs off there, along a valley that is
too flat to be walked.
"""
FLOORS = np.array([0.0, 0.35, 0.6, 0.8, 0.92])
"""E on the grid, as shares of the smallest loss."""
SLOPES = np.geomspace(0.02, 1.0, 12)
"""α_N on the grid."""
FEW_OUTER, FEW_SLOPES = np.array([0.05, 0.12, 0.3, 0.7, 2.0, 10.0]), np.geomspace(0.03, 0.8, 6)
"""The same over a floor."""


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


def inner_problem(basis: list[Array], floor: Array | float, outer: Array, loss: Array) -> Linear:
    """(L − E)^(1/κ) ≈ A·… + B·…: linear once E and κ are fixed; weighted so that residuals are those of ln L."""
    above = np.maximum(loss - floor, 1e-3 * loss)
    target = above ** (1.0 / outer)
    return Linear(
        basis=np.stack(np.broadcast_arrays(*basis), axis=1),
        target=target,
        weight=outer * above / (target * loss),
        log_ratio=lambda made: np.log((floor + made**outer) / loss),
    )


def _linear(theta: Array, inputs: Inputs, loss: Array) -> Linear:
    """Of both forms: the last two entries are the ratio and the outer power, a floor stands first if there is one."""
    ratio, outer = theta[:, -2:-1], theta[:, -1:]
    floor = theta[:, :1] if theta.shape[1] == 5 else 0.0
    basis = [np.exp(-ratio * inputs.log_n), np.exp(-inputs.log_d)[None]]
    return inner_problem(basis, floor, outer, loss)


def _unfold(cells: Array, loss: Array) -> Array:
    """The ratio α_N/α_D from α_N."""
    return np.column_stack([cells[:, 0] / cells[:, 1], cells[:, 1]])


def _unfold_floor(cells: Array, loss: Array) -> Array:
    return np.column_stack([cells[:, 0] * loss.min(), _unfold(cells[:, 1:], loss)])


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
    axes=(Axis(index=2, values=SLOPES), Axis(index=3, values=OUTER)),
    coefficients=(0, 1),
    linear=_linear,
    unfold=_unfold,
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
    axes=(Axis(index=0, values=FLOORS), Axis(index=3, values=FEW_SLOPES), Axis(index=4, values=FEW_OUTER)),
    coefficients=(1, 2),
    linear=_linear,
    unfold=_unfold_floor,
    pairs=((1, 3, "n"),),
    cases=(Case(form=KAPLAN, within=lambda theta: np.insert(theta, 0, 0.0, axis=1)),),
)
