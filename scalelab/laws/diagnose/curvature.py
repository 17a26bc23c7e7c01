"""Does the power law bend? An F test on the squares and the product of the logs, added to a plane through ln loss."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scalelab.laws.runs import RunTable

LEVEL = 0.05
LEAST_RUNS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Curvature:
    """The outcome of the test."""

    f: float
    p_value: float
    bends: bool
    """Whether the plane is rejected at 5 %."""
    flattens: bool
    """Whether the loss falls ever more slowly with compute, as it must above a floor."""

    def sentence(self) -> str:
        """The outcome in words."""
        if not self.bends:
            return f"no bend of the power law is visible (p = {self.p_value:.2g})"
        if self.flattens:
            return f"the power law bends: E is not zero (p = {self.p_value:.1g})"
        return f"the power law bends downwards, which a floor cannot explain (p = {self.p_value:.1g})"

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def curvature_test(runs: RunTable) -> Curvature | None:
    """The test on a table of runs; None below nine runs or where the squares add nothing to the plane."""
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
    from scipy.special import fdtrc  # here, since reading a stored assessment must not load scipy

    noise = max(rest / dof, 1e-24)
    f = max(flat - rest, 0.0) / more / noise
    p_value = float(fdtrc(more, dof, f))
    return Curvature(f=float(f), p_value=p_value, bends=p_value < LEVEL, flattens=bool(slopes[3:].sum() > 0))


def _squares(columns: np.ndarray, runs: RunTable) -> tuple[float, int, np.ndarray]:
    """Residual sum of squares of ln loss on the columns, their rank, the slopes."""
    slopes, _, rank, _ = np.linalg.lstsq(columns, np.log(runs.loss), rcond=1e-9)
    return float(((np.log(runs.loss) - columns @ slopes) ** 2).sum()), int(rank), slopes
