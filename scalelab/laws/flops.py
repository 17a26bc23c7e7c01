"""FLOPs a token as a function of N: not exactly 6·N for small models, whose attention scores weigh in.

Knows the (N, C, D) of runs; no law.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scalelab.laws.runs import Array, RunTable

FlopsPerToken = Callable[[Array], Array]
"""N → training FLOPs a token."""
MOST_ROWS = 32
NEGLIGIBLE = 1e-3
"""Relative difference from 6·N that is not worth a table."""
FADE = -1.0 / 3.0
"""Beyond the largest run, what exceeds 6·N fades as N^(-1/3): attention goes with width, weights with its cube."""


def flops_table(runs: RunTable) -> tuple[tuple[float, float], ...]:
    """(N, FLOPs a token) of the runs, one row a size, at most 32; empty where the runs say 6·N or say nothing."""
    if runs.flops is None or len(runs) == 0:
        return ()
    excess = np.log(runs.flops / (6.0 * runs.n_params * runs.n_tokens))
    if np.abs(excess).max() < NEGLIGIBLE:
        return ()
    order = np.argsort(runs.n_params, kind="stable")
    log_n = np.log(runs.n_params)[order]
    sizes = np.split(order, np.flatnonzero(np.diff(log_n) > 1e-3) + 1)
    if len(sizes) > MOST_ROWS:
        sizes = np.array_split(order, MOST_ROWS)
    rows = []
    for size in sizes:
        n = float(np.exp(np.median(np.log(runs.n_params[size]))))
        rows.append((n, 6.0 * n * float(np.exp(np.median(excess[size])))))
    return tuple(rows)


def flops_per_token(source: FlopsPerToken | Sequence[tuple[float, float]] | None) -> FlopsPerToken:
    """A function of N from a function, a table of (N, FLOPs a token), or nothing (then 6·N).

    A table is interpolated in log-log; above its last size the part beyond 6·N fades as N^(-1/3), below its first
    the ratio to 6·N stays.
    """
    if callable(source):
        return source
    if not source:
        return lambda n: 6.0 * np.asarray(n, dtype=float)
    table = np.array(sorted(source), dtype=float)
    log_n, ratio = np.log(table[:, 0]), table[:, 1] / (6.0 * table[:, 0])

    def interpolated(n: Array) -> Array:
        at = np.log(np.asarray(n, dtype=float))
        inside = np.exp(np.interp(at, log_n, np.log(ratio)))
        faded = 1.0 + (ratio[-1] - 1.0) * np.exp(FADE * np.maximum(at - log_n[-1], 0.0))
        per_token: Array = 6.0 * np.exp(at) * np.where(at > log_n[-1], faded, inside)
        return per_token

    return interpolated
