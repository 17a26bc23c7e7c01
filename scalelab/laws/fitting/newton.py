"""Damped Newton for robust fits: many starts at once, exact Hessians, bounds, no tuning by the caller.

Each step tries a few points and takes the best (trials.py); here is which starts still move, with how much effort, and
when one has arrived. Independent of how parameters are scaled or centred. Knows no law.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scalelab.laws.fitting.problem import Pieces, Problem, objectives, summed
from scalelab.laws.fitting.trials import Effort, on_bounds, solved, trials, unit_of
from scalelab.laws.runs import Array, Mask

__all__ = ["Minimum", "Problem", "minimise", "remaining"]

QUADRATIC = 1e-8
"""Relative gain of a whole Newton step after which no further step is worth its time."""
SETTLED = 1e-7
"""Share of the objective that the slope may still promise at a minimum."""
ALIKE = 10.0
"""Times what Newton's last step gained that least squares may have promised before it: more, and that was a saddle."""
GRACE = 3
"""Iterations that stragglers get after the best start has arrived: one lost in a flat valley must not cost the time."""
ROUNDING = 1e-22
"""Decrease of the objective that is rounding, whatever the objective: exact data end here."""
DIGITS = 4.0 * float(np.finfo(float).eps)
"""Rounding of ln L, which is of the size of one: of a residual too, however small that is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimum:
    """Where S starts ended."""

    theta: Array
    """(S, p)."""
    objective: Array
    """(S,)."""
    converged: Mask
    """(S,): no direction lowers the objective by a relevant amount."""
    steps: npt.NDArray[np.intp]
    """(S,): how many each took."""

    @property
    def iterations(self) -> int:
        """Steps of the longest."""
        return int(self.steps.max())

    def take(self, index: Sequence[int] | npt.NDArray[np.intp]) -> Minimum:
        """Some of the starts."""
        return Minimum(
            theta=self.theta[index], objective=self.objective[index], converged=self.converged[index],
            steps=self.steps[index],
        )  # fmt: skip


def minimise(
    problem: Problem,
    theta: Array,
    *,
    tolerance: float = 1e-11,
    most: int = 40,
    near: bool | Mask = False,
    grace: int | Array = GRACE,
    group: npt.NDArray[np.intp] | None = None,
) -> Minimum:
    """From each start (S, p) to a local minimum.

    `tolerance` is the relative decrease that no longer counts; `near` says that the starts are close to their minima,
    so that plain Newton steps are tried first. Starts of one `group`, a number for each in ascending order, seek the
    same minimum: `grace`, of all groups or of each, is how many steps the others get after the best of them arrived.
    """
    search = _Search(problem, theta, near, group)
    iteration = 0
    with np.errstate(all="ignore"):  # trial points may lie where no loss is a number; they are not taken
        while iteration < most and len(search.active):
            search.advance(tolerance, grace)
            iteration += 1
    return Minimum(theta=search.theta, objective=search.best, converged=search.still, steps=search.steps)


def remaining(problem: Problem, theta: Array) -> Array:
    """What one step of reweighted least squares would still gain at each θ (S, p), as a share of the objective: (S,).

    That step lowers a sum of Huber losses by at least ½ gᵀ M⁻¹ g where ln L is straight, so that this is the slope in
    the objective's own scale; slopes that push against a bound do not count.
    """
    with np.errstate(all="ignore"):
        local = Pieces(problem, theta).local()
        _, _, held = on_bounds(problem, theta, local.slope)
        step = solved(local.majorant, unit_of(local.majorant) * ~held, local.slope)
        gain: Array = -0.5 * (local.slope * step).sum(axis=1) / (local.objective + ROUNDING)
    return np.where(np.isfinite(gain), gain, np.inf)


class _Search:
    """All starts, and which of them still move."""

    __slots__ = (
        "_effort", "_first", "_group", "_part", "_problem", "_waited", "_weight", "active", "best", "steps", "still",
        "theta",
    )  # fmt: skip

    def __init__(self, problem: Problem, theta: Array, near: bool | Mask, group: npt.NDArray[np.intp] | None) -> None:
        s = len(theta)
        self._problem = self._part = problem
        self._weight = np.broadcast_to(problem.weight.sum(axis=-1), s)
        self.theta: Array = np.minimum(np.maximum(theta, problem.lower), problem.upper)
        self.best, self.still = np.full(s, np.inf), np.zeros(s, dtype=bool)
        self._effort = np.where(near, Effort.NEWTON, Effort.BENT) * np.ones(s, dtype=np.intp)
        self._group = np.zeros(s, dtype=np.intp) if group is None else group
        self._first = np.flatnonzero(np.diff(self._group, prepend=-1))
        self._waited = np.zeros(len(self._first), dtype=np.intp)
        self.active, self.steps = np.arange(s), np.zeros(s, dtype=np.intp)

    def advance(self, tolerance: float, grace: int | Array) -> None:
        """One step of all that move; then those that arrived rest, and those that the best leaves behind."""
        rows, effort = self.active, self._effort[self.active]
        step = _step(self._part, self.theta[rows], effort)
        gain, whole = step.before - step.after, step.chosen == 0
        better = gain > 0
        self.theta[rows[better]] = step.theta[better]
        best = np.where(better, step.after, step.before)
        # what a whole step gained otherwise than foreseen is more than the next one can gain, unless a bound lets go
        free = whole & ~self._pressed(rows)
        doubt = np.where(free, np.minimum(gain, np.abs(gain - step.foreseen)), gain)
        # the same point has two objectives that differ by what Σ w ψ ε is at most, by Cauchy and Schwarz
        blurred = DIGITS * np.sqrt(2.0 * self._weight[rows] * step.before) + ROUNDING
        still = doubt <= np.where(whole, max(tolerance, QUADRATIC), tolerance) * step.before + blurred
        enough = max(SETTLED, tolerance) * step.before + ROUNDING + np.where(whole, ALIKE * np.maximum(gain, 0.0), 0.0)
        stuck = still & ~(step.promised <= enough) & ~(whole & np.isnan(step.promised))
        self.best[rows], self.steps[rows] = best, self.steps[rows] + 1
        self.still[rows] = still & (~stuck | (effort == Effort.DAMPED))
        self._effort[rows] = np.where(stuck, np.minimum(effort + 1, Effort.DAMPED), np.where(whole, 0, Effort.BENT))
        self._narrow(grace)

    def _pressed(self, rows: npt.NDArray[np.intp]) -> Mask:
        """Whether a parameter that is not fixed stands on a bound."""
        part, theta = self._part, self.theta[rows]
        on = ((theta <= part.lower) | (theta >= part.upper)) & (part.lower < part.upper)
        return np.asarray(on.any(axis=1))

    def _narrow(self, grace: int | Array) -> None:
        """Leave out what need not move on; a problem whose rows cannot be taken apart moves as a whole."""
        lowest = np.minimum.reduceat(self.best, self._first)
        self._waited += np.logical_or.reduceat(self.still & (self.best <= lowest[self._group]), self._first)
        moves = ~(self.still | (self._waited > grace)[self._group])
        if self._problem.terms is None:
            self.active = self.active if moves.any() else self.active[:0]
        elif not moves[self.active].all():
            self.active = np.flatnonzero(moves)
            self._part = self._problem.take(self.active)


class _Step(NamedTuple):
    """Where each start goes, the objective before and after, which trial it was (0: Newton's whole step)."""

    theta: Array
    before: Array
    after: Array
    chosen: npt.NDArray[np.intp]
    foreseen: Array
    promised: Array


def _step(problem: Problem, theta: Array, effort: npt.NDArray[np.intp]) -> _Step:
    """The best of several trial points for each start."""
    pieces = Pieces(problem, theta)
    local = pieces.local()
    tried = trials(problem, pieces, local, int(effort.max()))
    points = theta[:, None, :] + tried.moves
    np.maximum(points, problem.lower if problem.lower.ndim == 1 else problem.lower[:, None], out=points)
    np.minimum(points, problem.upper if problem.upper.ndim == 1 else problem.upper[:, None], out=points)
    values = summed(objectives(part, points) for part in problem.parts or (problem,))
    values[~np.isfinite(values)] = np.inf
    values[tried.effort > effort[:, None]] = np.inf
    chosen, rows = values.argmin(axis=1), np.arange(len(theta))
    before = np.where(np.isfinite(local.objective), local.objective, np.inf)
    return _Step(points[rows, chosen], before, values[rows, chosen], chosen, tried.foreseen, tried.promised)
