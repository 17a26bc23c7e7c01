"""Does the power law bend? An F test on the squares and the product of the logs, added to a plane through ln loss.

A bend alone proves no floor: a sum of two power laws, or Kaplan's law, bends as well and ends at zero. Whether E is
seen is asked of the laws fitted: one that has it must beat the one that has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scalelab.laws.fits import Fit
from scalelab.laws.runs import RunTable

LEVEL = 0.05
LEAST_RUNS = 9
SMALLEST = 1e-300
"""p-values below this are told as below it."""
BEATEN = 2.0
"""AICc by which a law must be better to be preferred (Burnham and Anderson 2002)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curvature:
    """The outcome of the test."""

    f: float
    p_value: float
    bends: bool
    """Whether the plane is rejected at 5 %."""
    flattens: bool
    """Whether the loss falls ever more slowly with compute, as it must above a floor."""

    def sentence(self, floor: bool | None = None) -> str:
        """The outcome in words; `floor` as `floor_seen` tells it, None where nobody asked."""
        if not self.bends:
            return f"no bend of the power law is visible (p = {self.p_value:.2g})"
        if not self.flattens:
            return f"the power law bends downwards, which a floor cannot explain ({self._chance})"
        ends = {
            None: "the loss flattens",
            True: "E is not zero",
            False: "the loss flattens, but no floor E is seen yet",
        }
        return f"the power law bends: {ends[floor]} ({self._chance})"

    @property
    def _chance(self) -> str:
        """The p-value; of huge tables it is less than a number can be, and never zero."""
        return f"p = {self.p_value:.1g}" if self.p_value >= SMALLEST else f"p < {SMALLEST:.0g}"

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def floor_seen(fits: Sequence[Fit], aicc: Mapping[str, float]) -> bool | None:
    """Whether a law with E above zero beats every bending law without E; None where one of the two was not fitted.

    Parameters
    ----------
    fits : the laws fitted to one table
    aicc : Akaike's criterion of each by name, as in the contest's scores; laws without one do not count
    """
    floored = {found.law: found for found in fits if found.law in aicc and "E" in found.params}
    plain = [
        aicc[found.law] for found in fits if found.law in aicc and "E" not in found.params and found.law != "power"
    ]
    if not floored or not plain:
        return None
    standing = [
        aicc[law] for law, found in floored.items() if found.estimate("E").low > 0 and "E" not in found.bounds_hit
    ]
    return bool(standing) and min(standing) + BEATEN <= min(plain)


def bend_of(runs: RunTable) -> float | None:
    """F of the test alone, without its p-value; None where there is no test."""
    found = _f_of(runs)
    return None if found is None else found[0]


def curvature_test(runs: RunTable) -> Curvature | None:
    """The test on a table of runs; None below nine runs or where the squares add nothing to the plane."""
    found = _f_of(runs)
    if found is None:
        return None
    from scipy.special import fdtrc  # here, since reading a stored assessment must not load scipy

    f, more, dof, squares = found
    p_value = float(fdtrc(more, dof, f))
    return Curvature(f=f, p_value=p_value, bends=p_value < LEVEL, flattens=squares > 0)


def _f_of(runs: RunTable) -> tuple[float, int, int, float] | None:
    """F, its two degrees of freedom, and the sum of the slopes of squares and product."""
    n = len(runs)
    if n < LEAST_RUNS:
        return None
    x, y = (np.log(column) - np.log(column).mean() for column in (runs.n_params, runs.n_tokens))
    plane = np.column_stack([np.ones(n), x, y])
    bent = np.column_stack([plane, x * x, y * y, x * y])
    flat, rank_flat, _ = _squares(plane, runs)
    rest, rank_bent, slopes = _squares(bent, runs)
    more, dof = rank_bent - rank_flat, n - rank_bent
    if more <= 0 or dof <= 0:
        return None
    noise = max(rest / dof, 1e-24)
    return float(max(flat - rest, 0.0) / more / noise), more, dof, float(slopes[3:].sum())


def _squares(columns: np.ndarray, runs: RunTable) -> tuple[float, int, np.ndarray]:
    """Residual sum of squares of ln loss on the columns, their rank, the slopes."""
    slopes, _, rank, _ = np.linalg.lstsq(columns, np.log(runs.loss), rcond=1e-9)
    return float(((np.log(runs.loss) - columns @ slopes) ** 2).sum()), int(rank), slopes
