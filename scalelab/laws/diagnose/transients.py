"""Points that may not be points of a law: too few or too many tokens a parameter, rates that were never annealed.

They are told, never dropped: the sentence names the filter that drops them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from scalelab.laws.diagnose.tangent import Tangent
from scalelab.laws.runs import Array, Mask, RunTable

FEWEST, MOST = 1.0, 2000.0
"""Tokens a parameter. Below one, a run has seen less than a number for each of its own: warm-up and the first fall of
the loss are much of it (the runs set aside from the public Chinchilla table have .04 to .4). A law of usual ratios
promises too much of tokens in the thousands a parameter (Sardana et al. 2023, arXiv 2401.00448)."""
BEYOND = 100.0
"""So many times outside the middle half of the runs is another kind of run."""
ANNEALED = 0.3
"""A final rate above this share of its peak leaves a loss that still falls when the rate does."""
IN_STEP, LEAST_IN_STEP = 0.01, 6
"""Budgets of one N at equal distances, within a hundredth and so many: checkpoints of one run, not runs."""
LEVEL = 0.01


class Kind(StrEnum):
    """Why a run may be no point."""

    FEW_TOKENS = "few tokens a parameter"
    MANY_TOKENS = "many tokens a parameter"
    NOT_ANNEALED = "rate not annealed"
    CHECKPOINTS = "checkpoints of one run"


Suspect = tuple[Kind, float, Mask]
"""Why, the limit that is passed, which runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transient:
    """Runs that are suspect for one reason."""

    kind: Kind
    n_runs: int
    runs: tuple[str, ...]
    """The first few of them."""
    bound: float
    """The limit they pass: tokens a parameter, or the share of the peak rate; 0 for checkpoints."""
    shift: float | None
    """How much higher their ln loss is than the law of the others says; None where it cannot be told."""
    p_value: float | None

    @property
    def matters(self) -> bool:
        """Whether these runs lie off the law of the others."""
        return self.p_value is not None and self.p_value < LEVEL


def suspects(runs: RunTable) -> list[Suspect]:
    """(reason, limit, which runs) for every reason that holds somewhere."""
    ratio = runs.n_tokens / runs.n_params
    low, high = sane_range(ratio)
    found = [(Kind.FEW_TOKENS, low, ratio < low), (Kind.MANY_TOKENS, high, ratio > high)]
    rate = np.full(len(runs), np.nan) if runs.lr_share is None else runs.lr_share
    found.append((Kind.NOT_ANNEALED, ANNEALED, rate > ANNEALED))
    if not np.isfinite(rate).any():
        found.append((Kind.CHECKPOINTS, 0.0, in_step(runs)))
    return [item for item in found if item[2].any()]


def sane_range(ratio: Array) -> tuple[float, float]:
    """Tokens a parameter between which runs are of one kind: narrower where the bulk lies far from a limit."""
    low, high = np.quantile(ratio, (0.25, 0.75))
    return max(FEWEST, float(low) / BEYOND), min(MOST, float(high) * BEYOND)


def in_step(runs: RunTable) -> Mask:
    """Runs whose budgets, at one N, follow each other at equal distances as the checkpoints of one run do."""
    order = np.lexsort((runs.n_tokens, runs.n_params))
    n, d = runs.n_params[order], runs.n_tokens[order]
    marked = np.zeros(len(runs), dtype=bool)
    if len(runs) < LEAST_IN_STEP:
        return marked
    step = np.diff(d)
    even = (np.abs(np.diff(step)) <= IN_STEP * step[:-1]) & (step[:-1] > 0) & (n[2:] == n[:-2])
    for first, count in _stretches(even):
        if count >= LEAST_IN_STEP - 2:
            marked[order[first : first + count + 2]] = True
    return marked


def weighed(runs: RunTable, tangent: Tangent, kind: Kind, bound: float, which: Mask) -> Transient:
    """The suspects of one kind, with how far they lie off the law of the others where those are the majority."""
    most = 2 * int(which.sum()) > len(runs)
    slope = None if most else tangent.beside(which.astype(float), runs.cluster)
    return Transient(
        kind=kind, n_runs=int(which.sum()), runs=(), bound=bound,
        shift=None if slope is None else slope.value, p_value=None if slope is None else slope.p_value,
    )  # fmt: skip


def _stretches(true: Mask) -> list[tuple[int, int]]:
    """(first, length) of each unbroken stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(np.int8)))
    return [(int(first), int(last - first)) for first, last in zip(edges[::2], edges[1::2], strict=True)]
