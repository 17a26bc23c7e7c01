"""The parameters that minimise an objective: starts from the grid, Newton, and the scale of robust residuals.

Knows forms only as data and runs only as columns; what is said about a solution is written in fitter.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scalelab.laws.fitting import grid
from scalelab.laws.fitting.newton import GRACE, Minimum, Problem, minimise
from scalelab.laws.fitting.objective import Objective, delta_for
from scalelab.laws.fitting.problems import problem_of, residuals_at, rows_of, spread_rows, with_delta
from scalelab.laws.forms import Form, Inputs
from scalelab.laws.runs import Array

SAME_BASIN = 1e-3
"""Relative difference of objectives below which two minima are one."""
TIGHT, FINE, ROUGH = 1e-13, 1e-7, 1e-4
"""Relative decrease that no longer counts: at the end, while δ still moves, and before it is known."""
RESCALES = 8
"""Rounds of δ and fit; two suffice where most residuals are alike."""
AGREED = 0.001
"""Relative change of δ that ends the rounds."""
HURRIED = 1
"""Iterations that the other starts get after the best has arrived where δ is still to be found: a live lab waits."""
PATIENT = 40
"""Iterations that every start gets where parameters are fixed, since then all minima are wanted and cost little; and
for laws of many parameters, whose valleys are many."""
LARGE, SOME = 20_000, 4_096
"""Runs from which on the search looks at some of them, and how many those are."""
CERTAIN = 1e-4
"""Singular values below this share of the largest come of rounding: runs on a proper grid have 1e-2."""
REFINE = 20
"""Steps from a near solution: where they do not suffice the runs leave a direction free, and more would not help."""


Rows = slice | npt.NDArray[np.intp]
EVERY = slice(None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Solution:
    """Where the minimisation ended."""

    theta: Array
    objective: float
    delta: float
    converged: bool
    iterations: int
    starts: int
    second: tuple[float, Array] | None


def solve(
    form: Form,
    inputs: Inputs,
    loss: Array,
    weight: Array,
    kind: Objective,
    warm: Array | None = None,
    fixed: Mapping[int, float] = grid.NOTHING,
) -> Solution:
    """The parameters that minimise the objective.

    `warm` replaces the grid where a near solution is known; `fixed` gives entries of θ that stay what they are.
    """
    target = np.log(loss)
    n_free = form.n_free - len(fixed)
    if form.linear is None:
        first = _straight(form, inputs, target, weight, fixed)
    elif warm is not None:
        first = warm[None]
    elif len(loss) > LARGE:
        return _from_some(form, inputs, loss, weight, kind, fixed)
    else:
        first = grid.starts(form, inputs, loss, weight, fixed)
    limits = bounds(form, loss, fixed)
    first = np.clip(first, *limits)
    problem = problem_of(form, inputs, target, weight, np.inf, limits)
    rows = distinct(inputs, loss) if kind is Objective.HUBER else EVERY
    delta = delta_for(kind, residuals_at(problem, first[0])[rows], n_free)
    if form.linear is None and kind is Objective.LEAST_SQUARES:
        objective = float(problem.objective(first)[0])
        return Solution(
            theta=first[0], objective=objective, delta=delta, converged=True, iterations=0, starts=0, second=None
        )
    rough, patient = kind is Objective.HUBER, bool(fixed) or form.n_free > grid.LIVE
    found = minimise(
        with_delta(problem, delta), first, tolerance=ROUGH if rough else TIGHT, near=warm is not None or bool(fixed),
        grace=PATIENT if patient else HURRIED if rough else GRACE,
    )  # fmt: skip
    best = int(found.objective.argmin())
    end = _rescaled(problem, found, best, delta, n_free, rows) if rough else _End(found, best, delta, found.iterations)
    return Solution(
        theta=end.found.theta[end.best], objective=float(end.found.objective[end.best]), delta=end.delta,
        converged=bool(end.found.converged[end.best]), iterations=end.iterations, starts=len(first),
        second=_second(found, best),
    )  # fmt: skip


def _from_some(
    form: Form, inputs: Inputs, loss: Array, weight: Array, kind: Objective, fixed: Mapping[int, float]
) -> Solution:
    """Of a large table: the search on some of its runs, the last exact steps on all of them."""
    which = spread_rows(inputs, SOME)
    some = solve(form, rows_of(inputs, which), loss[which], weight[which], kind, fixed=fixed)
    whole = solve(form, inputs, loss, weight, kind, some.theta, fixed)
    return replace(whole, starts=some.starts, iterations=some.iterations + whole.iterations)


class _End(NamedTuple):
    """A minimum, which of its rows, and the δ and all steps that led there."""

    found: Minimum
    best: int
    delta: float
    iterations: int


def bounds(form: Form, loss: Array, fixed: Mapping[int, float] = grid.NOTHING) -> tuple[Array, Array]:
    """Lower and upper bound of θ, both the value itself where it is fixed."""
    lower, upper = form.bounds(loss)
    for index, value in fixed.items():
        lower[index] = upper[index] = value
    return lower, upper


def _straight(form: Form, inputs: Inputs, target: Array, weight: Array, fixed: Mapping[int, float]) -> Array:
    """Weighted least squares for a law that is linear in θ: (1, p).

    Where N and D stood in one ratio the digits that a table rounds away tell them apart, by exponents beyond all
    bounds: then the shortest θ of those that fit, whose predictions are sound along the runs.
    """
    theta = np.zeros(form.n_free)
    theta[list(fixed)] = list(fixed.values())
    rows = form.compose(theta[None], form.prepare(inputs)).gradient()[0]
    root, rest = np.sqrt(weight), target - rows @ theta
    free = [i for i in range(form.n_free) if i not in fixed]
    lower, upper = bounds(form, np.exp(target), fixed)
    for certain in (None, CERTAIN):
        theta[free] = np.linalg.lstsq(rows[:, free] * root[:, None], rest * root, rcond=certain)[0]
        if (theta >= lower).all() and (theta <= upper).all():
            break
    return theta[None]


def _rescaled(problem: Problem, found: Minimum, best: int, delta: float, n_free: int, rows: Rows) -> _End:
    """Alternate between δ from the residuals and the fit for that δ until they agree; then to the end."""
    theta, iterations = found.theta[best : best + 1], found.iterations
    for _ in range(RESCALES):
        new = delta_for(Objective.HUBER, residuals_at(problem, theta[0])[rows], n_free)
        agreed = abs(np.log(new / delta)) < AGREED
        delta = new
        if agreed:
            break
        again = minimise(with_delta(problem, delta), theta, tolerance=FINE, near=True, most=REFINE)
        theta, iterations = again.theta, iterations + again.iterations
    last = minimise(with_delta(problem, delta), theta, tolerance=TIGHT, near=True, most=REFINE)
    return _End(last, 0, delta, iterations + last.iterations)


def distinct(inputs: Inputs, loss: Array) -> Rows:
    """Rows without repetitions of the same run: those say nothing about the scale, so that a run listed twice and a
    run of weight two make one δ. Large tables are taken whole.
    """
    if len(loss) > LARGE:
        return EVERY
    keys = (loss, inputs.log_d, inputs.log_n)
    order = np.lexsort(keys)
    same = np.logical_and.reduce([np.diff(key[order]) == 0 for key in keys])
    return order[np.append(True, ~same)] if same.any() else EVERY


def _second(found: Minimum, best: int) -> tuple[float, Array] | None:
    """The best minimum that is not the best one again."""
    apart = found.converged & (found.objective > found.objective[best] * (1 + SAME_BASIN) + 1e-15)
    if not apart.any():
        return None
    index = int(np.where(apart, found.objective, np.inf).argmin())
    return float(found.objective[index]), found.theta[index]
