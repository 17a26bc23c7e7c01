"""How the best N and D grow with compute: what each law says beside what the runs' own isoFLOP levels say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scalelab.errors import BadInput
from scalelab.report.promise import splits, tells

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Exponents, OptimumInterval, RunTable
    from scalelab.laws.use.iso_flop import IsoFlop

MOST_RUNS = 100_000
"""In a larger table no level is sought: sorting it into curves would take longer than fitting it."""


def iso_flop_of(runs: RunTable) -> IsoFlop | None:
    """The isoFLOP minima of the runs; None where they stand in no levels of compute."""
    from scalelab.laws import iso_flop

    if len(runs) > MOST_RUNS:
        return None
    try:
        return iso_flop(runs)
    except BadInput:
        return None


def exponents_of(seen: Assessment, found: IsoFlop | None) -> tuple[Exponents, ...]:
    """The exponents a and b of every law that has a best split and whose exponents mean something.

    Taken where the isoFLOP levels are, in their middle, so that like is compared with like; else at the largest run.
    None where the runs cannot tell N from D, or not the loss at the best split: each law alone would look sure there.
    """
    from scalelab.laws import exponents

    if not _split_told(seen):
        return ()
    at = None if found is None else (found.used[0].flops * found.used[-1].flops) ** 0.5
    told = []
    for fit in seen.fits:
        if fit.verdict == "withhold" or set(fit.bounds_hit) - {"E"}:
            continue
        try:
            told.append(exponents(fit, at))
        except BadInput:
            continue
    return tuple(told)


def _split_told(seen: Assessment) -> bool:
    """Whether these runs say anything of how compute is best split."""
    best = seen.optimum
    return seen.compute_law is None and (best is None or (tells(best) and splits(best)))


def optima_of(seen: Assessment, budgets: Sequence[float]) -> list[OptimumInterval]:
    """The best N and D under the shown law for each compute, with intervals; those that have none are left out."""
    from scalelab.laws import optimum_interval

    if not _split_told(seen):
        return []
    told = []
    for flops in budgets:
        try:
            told.append(optimum_interval(seen.fit(), flops))
        except BadInput:
            continue
    return told
