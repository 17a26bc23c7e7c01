"""How much seeds alone scatter, from runs of the same N and D, and whether the law misses by more than that.

Known only where somebody ran the same point twice; elsewhere nothing is said. The law takes out what little N and D
differ within a group, so that budgets rounded to whole steps still are replicates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalelab.laws.diagnose.tangent import LEAST_SCATTER, Tangent
from scalelab.laws.runs import Array, RunTable

SAME_N, SAME_D = 1e-3, 1e-2
"""Relative differences within a group: N of one architecture, D of one budget rounded to steps of another batch."""
COPIES = 1e-9
"""Relative difference of losses below which two runs are one run under two names: no seeds agree so well."""
LEVEL = 0.01
"""Of the lack-of-fit test: no law is exact, and a sentence should follow only where it matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """What replicates say."""

    sigma: float
    """Scatter of ln loss between runs of one N and D, pooled."""
    se: float
    """Standard error of sigma."""
    dof: int
    """Runs in groups less groups."""
    n_groups: int
    misfit: float | None
    """Scatter of ln loss about the law beyond that of replicates; None where there is nothing to compare."""
    p_value: float | None
    """Of the lack-of-fit F test: that seeds alone make the law miss by as much."""

    @property
    def misses(self) -> bool:
        """Whether the law misses by more than seeds scatter."""
        return self.p_value is not None and self.p_value < LEVEL


def groups(runs: RunTable) -> npt.NDArray[np.intp]:
    """A number for each run, the same for runs of one N and D; −1 for a run that has no replicate.

    Where they are known, all counts of N and the unique tokens must agree as well: another shape or more repetition is
    no other seed.
    """
    group = np.zeros(len(runs), dtype=np.intp)
    sizes = [runs.n_params, *runs.counts.values()]
    tokens = [runs.n_tokens] if runs.unique_tokens is None else [runs.n_tokens, runs.unique_tokens]
    for near, columns in ((SAME_N, sizes), (SAME_D, tokens)):
        for column in columns:
            group = _chained(np.log(column), near, group)
    size = np.bincount(group, minlength=len(runs))
    return np.where(size[group] > 1, group, -1)


def noise_floor(runs: RunTable, tangent: Tangent, group: npt.NDArray[np.intp]) -> NoiseFloor | None:
    """Pooled scatter within groups and the lack-of-fit test; None without a replicate."""
    kept = np.flatnonzero(_first_of_copies(runs, group) & (group >= 0))
    names, of = np.unique(group[kept], return_inverse=True)
    dof = len(kept) - len(names)
    if dof < 1:
        return None
    root = tangent.root[kept]
    residuals = (tangent.residuals + tangent.shift)[kept] / root
    weight = root**2
    middle = np.bincount(of, weights=weight * residuals) / np.bincount(of, weights=weight)
    within = max(float((weight * (residuals - middle[of]) ** 2).sum()), dof * LEAST_SCATTER**2)
    sigma = math.sqrt(within / dof)
    misfit, p_value = _lack_of_fit(tangent.squares, tangent.dof, within, dof)
    return NoiseFloor(
        sigma=sigma, se=sigma / math.sqrt(2.0 * dof), dof=dof, n_groups=len(names), misfit=misfit, p_value=p_value
    )


def _lack_of_fit(squares: float, dof: int, within: float, dof_within: int) -> tuple[float | None, float | None]:
    """Scatter beyond that of replicates, and the F test of it (Draper and Smith 1998, section 2.1)."""
    more = dof - dof_within
    if more < 1:
        return None, None
    from scipy.special import fdtrc  # here, since reading a stored diagnosis must not load scipy

    beyond, noise = max(squares - within, 0.0) / more, within / dof_within
    return math.sqrt(max(beyond - noise, 0.0)), float(fdtrc(more, dof_within, beyond / noise))


def _chained(column: Array, near: float, of: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Numbers of groups within `of` whose neighbours on the column are near each other.

    A chain that as a whole spans more than twice that is no group: its members stay alone.
    """
    order = np.lexsort((column, of))
    sorted_column, sorted_of = column[order], of[order]
    breaks = np.diff(sorted_of, prepend=-1) != 0
    breaks[1:] |= np.diff(sorted_column) > near
    start = np.flatnonzero(breaks)
    chain = np.cumsum(breaks) - 1
    end = np.append(start[1:], len(column)) - 1
    long = (sorted_column[end] - sorted_column[start] > 2.0 * near)[chain]
    group = np.empty(len(column), dtype=np.intp)
    group[order] = np.cumsum(breaks | long) - 1
    return group


def _first_of_copies(runs: RunTable, group: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """All runs but those whose loss another run of their group has to the last digit."""
    order = np.lexsort((runs.loss, group))
    same = (np.diff(group[order]) == 0) & (np.diff(np.log(runs.loss[order])) < COPIES)
    first = np.ones(len(runs), dtype=bool)
    first[order[1:]] = ~same
    return first
