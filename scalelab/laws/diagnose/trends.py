"""Residuals that lean: whether the largest runs, or those of many tokens a parameter, lie off the law as a group.

A group's mean residual proves little, since the fit has bent towards the group already; so its shift is fitted beside
the law (an added variable), which asks what the law would say of the group if it were fitted to the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from scalelab.laws.diagnose.tangent import Tangent
from scalelab.laws.runs import Array, RunTable

SHARE, LEAST = 0.15, 3
"""A group is this share of the runs, and no fewer than three."""
LEVEL = 0.02
"""For all groups together."""


class Group(StrEnum):
    """Runs at one end of the table."""

    MOST_COMPUTE = "most compute"
    LEAST_COMPUTE = "least compute"
    MOST_TOKENS = "most tokens a parameter"
    FEWEST_TOKENS = "fewest tokens a parameter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One end of the table against the law of the others."""

    group: Group
    n_runs: int
    shift: float
    """How much higher ln loss is there than the law of the other runs says."""
    p_value: float
    """That chance leans so far anywhere: multiplied by the number of groups."""

    @property
    def leans(self) -> bool:
        """Whether chance is ruled out."""
        return self.p_value < LEVEL


def trends(runs: RunTable, tangent: Tangent) -> tuple[Trend, ...]:
    """Each end of the table that can be tested; nothing where the law has no degree of freedom left."""
    order = np.log(runs.compute), np.log(runs.n_tokens / runs.n_params)
    found = []
    for group, column in zip(Group, (order[0], -order[0], order[1], -order[1]), strict=True):
        inside = _end(column)
        if inside is None:
            continue
        slope = tangent.beside(inside.astype(float), runs.cluster)
        if slope is not None:
            p_value = min(1.0, len(Group) * slope.p_value)
            found.append(Trend(group=group, n_runs=int(inside.sum()), shift=slope.value, p_value=p_value))
    return tuple(found)


def _end(column: Array) -> Array | None:
    """Where the column is largest; None where fewer than twice as many runs would remain."""
    count = max(LEAST, round(SHARE * len(column)))
    if len(column) < 3 * count:
        return None
    bar = np.partition(column, -count)[-count]
    inside: Array = column >= bar - 1e-9
    return inside if inside.sum() <= len(column) / 3 else None


def leaning(found: Sequence[Trend]) -> list[Trend]:
    """Those that chance does not explain, the surest first."""
    return sorted((trend for trend in found if trend.leans), key=lambda trend: trend.p_value)
