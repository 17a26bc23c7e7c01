"""Wrong runs by name: which lie further from what the others say than chance would put any of them.

Runs are set aside from the furthest inwards, so that two wrong ones do not hide each other. A set of k is named where
its F test stands after Bonferroni's bound over all sets of k, and each of its runs after the bound over all runs with
the other k − 1 set aside (Cook and Weisberg 1982, Residuals and Influence in Regression, 2.2.2). On normal noise a
clean table of any size is then accused less than one time in twenty, by the bound and not by simulation. Nothing is
removed from a fit here; a person looks at the run's log.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scalelab.laws.diagnose.names import shown
from scalelab.laws.diagnose.tangent import ALONE, LEAST_SCATTER, Tangent, two_sided
from scalelab.laws.runs import Array, Mask, RunTable

LEVEL = 0.02
"""Share of clean tables in which one run is named; two at half of it, three at a quarter: under 0.04 in all."""
MOST = 10
"""Runs named at most: where more are off, the law or the table is wrong and not a run."""
SPARE = 4
"""One run in so many spare ones may be named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A run that the others do not explain."""

    run: str
    n_params: float
    n_tokens: float
    off: float
    """ln(observed) − ln(what the law says when it is fitted to the runs that are not named)."""
    t: float
    """The same in units of its own standard error."""
    p_value: float
    """That any run of a clean table lies so far out."""


def find(tangent: Tangent, level: float = LEVEL) -> Mask:
    """Which runs lie too far out for a clean table's `level`; none where too few are spare."""
    n, dof = len(tangent.residuals), tangent.dof
    gone = np.zeros(n, dtype=bool)
    named = gone.copy()
    for k, (index, gain, rest) in enumerate(_inwards(tangent, min(MOST, dof // SPARE)), 1):
        gone[index] = True
        rest = max(rest, (dof - k) * LEAST_SCATTER**2)
        if _p_of_set(gain / k / (rest / (dof - k)), k, n, dof - k) < level and each_p(tangent, gone).max() < level:
            named = gone.copy()
    return named


def _inwards(tangent: Tangent, most: int) -> Iterator[tuple[int, float, float]]:
    """The furthest run, then the furthest from what the others say, and so on: (index, squares taken away by all so
    far, squares left). Each step is a rank-one downdate of the projection, where a new one would cost ten times more.
    """
    basis, off, hat = tangent.basis, tangent.residuals.copy(), tangent.hat.copy()
    inverse = np.eye(basis.shape[1])
    left, gain = np.ones(len(off), dtype=bool), 0.0
    for _ in range(most):
        room = np.maximum(1.0 - hat, ALONE)
        worst = int((off**2 / room * left).argmax())
        lever = inverse @ basis[worst]
        reach, drop = basis @ lever, float(off[worst])
        gain += drop**2 / float(room[worst])
        left[worst] = False
        yield worst, gain, float(tangent.residuals @ tangent.residuals) - gain
        off = off + reach * drop / room[worst]
        hat = hat + reach**2 / room[worst]
        inverse = inverse + np.outer(lever, lever) / room[worst]


def scatter_of_others(tangent: Tangent) -> float:
    """Scatter of the runs about the plane that they make without the one that lies furthest out."""
    if tangent.dof < 2:
        return float(np.sqrt(tangent.squares))
    _, _, left = next(_inwards(tangent, 1))
    return float(np.sqrt(max(left / (tangent.dof - 1), LEAST_SCATTER**2)))


def describe(runs: RunTable, tangent: Tangent, gone: Mask) -> tuple[Outlier, ...]:
    """The runs in `gone`, the furthest first."""
    if not gone.any():
        return ()
    off, t = how_far(tangent, gone)
    p_values, rows = each_p(tangent, gone), np.flatnonzero(gone)
    return tuple(
        Outlier(
            run=shown(runs.run_id[rows[i]]), n_params=float(runs.n_params[rows[i]]),
            n_tokens=float(runs.n_tokens[rows[i]]), off=float(off[i]), t=float(t[i]), p_value=float(p_values[i]),
        )
        for i in np.argsort(-np.abs(t), kind="stable")
    )  # fmt: skip


def _p_of_set(f: float, k: int, n: int, dof: int) -> float:
    """Of the k furthest among n, by the bound over all sets of k; the level halves with each further run."""
    from scipy.special import fdtrc  # here, since reading a stored diagnosis must not load scipy

    return float(math.comb(n, k) * fdtrc(k, dof, max(f, 0.0)) * 2 ** (k - 1))


def each_p(tangent: Tangent, gone: Mask) -> Array:
    """Of each run in `gone`, with the others in it set aside, by the bound over all runs."""
    dof = tangent.dof - int(gone.sum())
    return np.minimum(len(gone) * two_sided(how_far(tangent, gone)[1], dof), 1.0)


def how_far(tangent: Tangent, gone: Mask) -> tuple[Array, Array]:
    """(ln observed − ln what the other runs say, the same over its standard error) for the runs in `gone`."""
    rest = ~gone
    whole = (tangent.residuals + tangent.shift)[:, None]
    inverse = np.linalg.pinv(tangent.basis[rest], rcond=1e-9)
    off = (whole[gone] - tangent.basis[gone] @ (inverse @ whole[rest]))[:, 0]
    scatter = (whole[rest] - tangent.basis[rest] @ (inverse @ whole[rest]))[:, 0]
    dof = max(int(rest.sum()) - tangent.basis.shape[1], 1)
    spread = max(float(scatter @ scatter) / dof, LEAST_SCATTER**2)
    reach = 1.0 + ((tangent.basis[gone] @ inverse) ** 2).sum(axis=1)
    return off / tangent.root[gone], off / np.sqrt(spread * reach)
