"""How the best N and D grow with compute: what the law says beside what the runs' own isoFLOP levels say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from scalelab.errors import BadInput

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Fit, RunTable
    from scalelab.laws.use.iso_flop import IsoFlop

MOST_RUNS = 100_000
"""In a larger table no level is sought: sorting it into curves would take longer than fitting it."""


def iso_flop_of(runs: RunTable, seen: Assessment) -> IsoFlop | None:
    """The isoFLOP minima of the runs, with the exponents of the fitted laws beside; None where there are no levels."""
    from scalelab.laws.use.iso_flop import iso_flop

    if len(runs) > MOST_RUNS:
        return None
    try:
        return iso_flop(runs, laws={fit.law: _best_n(fit) for fit in seen.fits if _has_split(fit)})
    except BadInput:
        return None


def _best_n(fit: Fit) -> Callable[[float], float]:
    from scalelab.laws import frontier

    return lambda flops: frontier(fit, flops).n_params


def _has_split(fit: Fit) -> bool:
    """Whether a law has a best N inside the search at both ends of the runs' compute, and may be asked for it."""
    from scalelab.laws import frontier

    return fit.verdict != "withhold" and all(frontier(fit, flops).interior for flops in fit.c_range)
