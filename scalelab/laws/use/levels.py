"""Runs sorted into levels of equal compute, one curve of loss against N each; a level that is none, with its reason.

Knows runs, not what is made of the curves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalelab.laws.runs import Array, RunTable

FEWEST = 3
"""Sizes of model without which a curve has no minimum."""
WIDEST = 4.0
"""A level may be this many times as wide as the gap that parts levels: beyond, compute is spread and not in levels."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Loss against N at one compute, sizes ascending and each once."""

    flops: float
    n_runs: int
    log_n: Array
    log_d: Array
    log_loss: Array
    refused: str = ""
    """Why it cannot be used; empty where it can."""


def curves_of(runs: RunTable, tolerance: float) -> list[Curve]:
    """One curve a level of compute, ascending; runs are of one level while neighbours differ by less than `tolerance`.

    `tolerance` is a relative difference of C: 0.05 for 5 %.
    """
    log_c = np.log(runs.compute)
    order = np.argsort(log_c, kind="stable")
    gap = np.log1p(tolerance)
    parts = np.split(order, np.flatnonzero(np.diff(log_c[order]) > gap) + 1) if len(order) else []
    return [_curve(runs, part, log_c, gap) for part in parts]


def _curve(runs: RunTable, part: np.ndarray, log_c: Array, gap: float) -> Curve:
    """The runs of one level; runs of one N (seeds) as their mean."""
    log_n = np.log(runs.n_params[part])
    sizes, which = np.unique(np.round(log_n, 6), return_inverse=True)
    share = np.bincount(which)

    def mean(column: Array) -> Array:
        averaged: Array = np.bincount(which, weights=column) / share
        return averaged

    spread = float(np.ptp(log_c[part]))
    refused = ""
    if spread > WIDEST * gap:
        refused = f"the compute of its {len(part)} runs spreads by {100 * np.expm1(spread):.0f} %: no level"
    elif len(sizes) < FEWEST:
        refused = f"{len(sizes)} size{'s' * (len(sizes) != 1)} of model: a minimum needs {FEWEST}"
    return Curve(
        flops=float(np.exp(log_c[part].mean())),
        n_runs=len(part),
        log_n=mean(log_n),
        log_d=mean(np.log(runs.n_tokens[part])),
        log_loss=mean(np.log(runs.loss[part])),
        refused=refused,
    )
