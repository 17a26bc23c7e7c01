"""L = E + A/N'^α + B/D'^β on effective N' and D' (Muennighoff et al. 2023, arXiv 2305.16264): for repeated data.

Of D tokens U are unique, R_D = D/U − 1 times repeated: D' = U + U R_D* (1 − exp(−R_D/R_D*)). Of N parameters
U_N = min(N, N_opt(U)) are what U tokens suffice for: N' likewise, with R_N = N/U_N − 1 and R_N*.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scalelab.laws.forms.form import Axis, Form, Inputs, Kind, Linear, additive, entry, level
from scalelab.laws.forms.nodes import LogSum, Node, Over, Term
from scalelab.laws.forms.repetition import MOST, Constant, Effective, Sufficient, decay
from scalelab.laws.runs import Array

EXPONENTS = np.array([0.12, 0.22, 0.35, 0.5, 0.8])
REPEATS = np.log([0.7, 2.5, 8.0, 25.0, 100.0])
REPEATED = np.log(1.05)
"""ln(D/U) from which a run counts as one of repeated data."""
LEAST_REPEATED = 3
"""Runs of repeated data without which R_D* cannot be seen."""
N_FREE = 7


class _Logs(NamedTuple):
    """Logs of N, D and the unique tokens of each run."""

    n: Array
    d: Array
    u: Array


def _prepare(inputs: Inputs) -> _Logs:
    """All tokens count as fresh where nothing is said of them, and no run has more unique tokens than tokens."""
    unique = inputs.extra.get("unique_tokens")
    log_u = inputs.log_d if unique is None else np.minimum(np.log(unique), inputs.log_d)
    return _Logs(inputs.log_n, inputs.log_d, log_u)


def _compose(theta: Array, logs: _Logs) -> Node:
    n = Effective(theta, 6, logs.n, Sufficient(theta, 1, logs.u))
    d = Effective(theta, 5, logs.d, Constant(logs.u, N_FREE))
    return Over(theta, 0, LogSum([Term(theta, 1, 3, n), Term(theta, 2, 4, d)]))


def _linear(theta: Array, inputs: Inputs, loss: Array) -> Linear:
    """Linear once N' is known, which depends on A and B: at first, without them, N' = N."""
    logs = _prepare(inputs)
    alpha, beta, of_d, of_n = (theta[:, i : i + 1] for i in range(3, 7))
    repeated = logs.d - logs.u
    log_d = logs.u + decay(repeated, of_d)
    suffices = Sufficient(theta, 1, logs.u).value
    fresh = np.fmin(suffices, logs.n)
    log_n = fresh + decay(np.minimum(logs.n - fresh, MOST), of_n)
    by_n, by_d = np.exp(-alpha * log_n), np.exp(-beta * log_d)
    return additive([np.ones_like(by_n), by_n, by_d], loss)


def _lacks(inputs: Inputs) -> str | None:
    logs = _prepare(inputs)
    repeated = int((logs.d - logs.u > REPEATED).sum())
    if repeated >= LEAST_REPEATED:
        return None
    many = "no run repeats" if repeated == 0 else f"only {repeated} of the runs repeat"
    return f"{many} its tokens: what repetition costs cannot be seen"


DATA_CONSTRAINED = Form(
    name="data-constrained",
    formula="L = E + A/N'^alpha + B/D'^beta, N' and D' after a decay of R_N* and R_D* repeats",
    source="Muennighoff et al. 2023, arXiv 2305.16264",
    kinds=(Kind.LEVEL, Kind.SCALE, Kind.SCALE, Kind.EXPONENT, Kind.EXPONENT, Kind.REPEATS, Kind.REPEATS),
    reported=(
        level(),
        entry("A", 1, log=True),
        entry("B", 2, log=True),
        entry("alpha", 3, log=False),
        entry("beta", 4, log=False),
        entry("R_D*", 5, log=True),
        entry("R_N*", 6, log=True),
    ),
    prepare=_prepare,
    compose=_compose,
    axes=(
        Axis(index=3, values=EXPONENTS),
        Axis(index=4, values=EXPONENTS),
        Axis(index=5, values=REPEATS),
        Axis(index=6, values=REPEATS),
    ),
    coefficients=(0, 1, 2),
    linear=_linear,
    passes=2,
    pairs=((1, 3, "n"), (2, 4, "d")),
    variables=("unique_tokens",),
    lacks=_lacks,
)
