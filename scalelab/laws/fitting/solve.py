"""The parameters that minimise an objective: starts from the grid, Newton, and the scale of robust residuals.

Knows forms only as data and runs only as columns; what is said about a solution is written in fitter.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scalelab.laws.fitting import grid
from scalelab.laws.fitting.newton import GRACE, SETTLED, Minimum, Problem, minimise, remaining
from scalelab.laws.fitting.objective import Objective, delta_for
from scalelab.laws.fitting.pieces import rows_of, spread_rows
from scalelab.laws.fitting.table import Law, Table, together
from scalelab.laws.forms import Form, Inputs
from scalelab.laws.runs import Array, Mask

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
STEPS, LONG = 40, 150
"""Steps at most; the second where starts are given patience."""
LARGE, SOME = 20_000, 4_096
"""Runs from which on the search looks at some of them, and how many those are."""
CERTAIN = 1e-4
"""Singular values below this share of the largest come of rounding: runs on a proper grid have 1e-2."""
REFINE = 20
"""Steps from a near solution: where they do not suffice the runs leave a direction free, and more would not help."""


Rows = slice | npt.NDArray[np.intp]
EVERY = slice(None)
NO_INPUTS = Inputs(log_n=np.zeros(0), log_d=np.zeros(0), extra={})


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
    law = Law(form=form, inputs=inputs, fixed=fixed)
    if form.linear is None and kind is Objective.LEAST_SQUARES:
        return _exact(law, loss, weight)
    if warm is None and form.linear is not None and len(loss) > LARGE:
        return _from_some(law, loss, weight, kind)
    return _solve([law], loss, weight, kind, warm)[0]


def solve_all(laws: Sequence[Law], loss: Array, weight: Array, kind: Objective) -> list[Solution]:
    """The same for several laws on the same runs, as one table where that is quicker.

    LinAlgError where matrices of one of them break.
    """
    searched = [law for law in laws if kind is not Objective.LEAST_SQUARES or law.form.linear is not None]
    found: dict[str, Solution] = {}
    for places in together(searched, len(loss)):
        if len(places) > 1:
            some = [searched[place] for place in places]
            found |= {law.form.name: end for law, end in zip(some, _solve(some, loss, weight, kind), strict=True)}
    return [
        found.get(law.form.name) or solve(law.form, law.inputs, loss, weight, kind, fixed=law.fixed) for law in laws
    ]


def _exact(law: Law, loss: Array, weight: Array) -> Solution:
    """A law that is straight in logs, by least squares: nothing is to be searched."""
    theta = _starts(law, loss, weight, {})
    table = Table([law], loss, weight)
    objective = float(table.problem(np.zeros(1, dtype=np.intp), np.array([np.inf])).objective(theta)[0])
    return Solution(
        theta=theta[0], objective=objective, delta=np.inf, converged=True, iterations=0, starts=0, second=None
    )


def _from_some(law: Law, loss: Array, weight: Array, kind: Objective) -> Solution:
    """Of a large table: the search on some of its runs, the last exact steps on all of them."""
    which = spread_rows(law.inputs, SOME)
    some = solve(law.form, rows_of(law.inputs, which), loss[which], weight[which], kind, fixed=law.fixed)
    whole = solve(law.form, law.inputs, loss, weight, kind, some.theta, law.fixed)
    return replace(whole, starts=some.starts, iterations=some.iterations + whole.iterations)


def _solve(
    laws: Sequence[Law], loss: Array, weight: Array, kind: Objective, warm: Array | None = None
) -> list[Solution]:
    """All laws from all their starts at once; then the best of each, until its δ and its θ agree."""
    table, rough = Table(laws, loss, weight), kind is Objective.HUBER
    known: dict[str, Array] = {}
    first = [_starts(law, loss, weight, known) if warm is None else warm[None] for law in laws]
    counts = np.array([len(rows) for rows in first])
    group, begin = np.repeat(np.arange(len(laws)), counts), np.cumsum(counts) - counts
    theta = np.concatenate([table.widened(place, rows) for place, rows in enumerate(first)])
    rows = distinct(laws[0].inputs, loss) if rough else EVERY
    delta = _deltas(table, kind, theta[begin], rows)
    near = np.array([warm is not None or bool(law.fixed) for law in laws])
    patient = np.array([bool(law.fixed) or law.form.n_free > grid.LIVE for law in laws])
    found = minimise(
        table.problem(group, delta), theta, tolerance=ROUGH if rough else TIGHT, near=near[group], group=group,
        grace=np.where(patient, PATIENT, HURRIED if rough else GRACE), most=LONG if patient.any() else STEPS,
    )  # fmt: skip
    found = _checked(found, table.problem(group, delta), ROUGH if rough else SETTLED)
    best = [int(found.objective[group == place].argmin()) + begin[place] for place in range(len(laws))]
    end = _rescaled(table, found.take(best), delta, rows) if rough else _End(found.take(best), delta)
    return [_solution(table, place, end, found, group == place) for place in range(len(laws))]


def _starts(law: Law, loss: Array, weight: Array, known: dict[str, Array]) -> Array:
    """Where a law begins: least squares for a law that is straight in logs, else the grid's valleys, and the best one
    of every simpler law that it holds. `known` keeps grids that were searched.
    """
    form = law.form
    if form.linear is None:
        first = _straight(form, law.inputs, np.log(loss), weight, law.fixed)
    elif law.fixed:
        first = grid.starts(form, law.inputs, loss, weight, law.fixed)
    else:
        others = [case.within(_valleys(case.form, law.inputs, loss, weight, known)[:1]) for case in form.cases]
        first = np.concatenate([_valleys(form, law.inputs, loss, weight, known), *others])
    return np.clip(first, *law.bounds(loss))


def _valleys(form: Form, inputs: Inputs, loss: Array, weight: Array, known: dict[str, Array]) -> Array:
    if form.name not in known:
        known[form.name] = grid.starts(form, inputs, loss, weight)
    return known[form.name]


class _End(NamedTuple):
    """Where each law ended, with its δ."""

    found: Minimum
    delta: Array


def _solution(table: Table, place: int, end: _End, found: Minimum, mine: Mask) -> Solution:
    """What is told of one law: its end, and of all its starts the second-best."""
    straight = table.laws[place].form.linear is None
    return Solution(
        theta=table.own(place, end.found.theta[place]), objective=float(end.found.objective[place]),
        delta=float(end.delta[place]), converged=bool(end.found.converged[place]),
        iterations=0 if straight else int(end.found.steps[place]), starts=0 if straight else int(mine.sum()),
        second=_second(table, place, found, mine),
    )  # fmt: skip


def _deltas(table: Table, kind: Objective, theta: Array, rows: Rows) -> Array:
    """δ of each law from its residuals at its θ."""
    residuals = table.residuals(np.arange(len(table.laws)), theta)
    return np.array([delta_for(kind, miss[rows], law.n_free) for miss, law in zip(residuals, table.laws, strict=True)])


def bounds(form: Form, loss: Array, fixed: Mapping[int, float] = grid.NOTHING) -> tuple[Array, Array]:
    """Lower and upper bound of θ, both the value itself where it is fixed."""
    return Law(form=form, inputs=NO_INPUTS, fixed=fixed).bounds(loss)


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


def _rescaled(table: Table, found: Minimum, delta: Array, rows: Rows) -> _End:
    """Alternate between δ from the residuals and the fit for that δ until they agree; then to the end."""
    theta, steps, every = found.theta, found.steps, np.arange(len(table.laws))
    for _ in range(RESCALES):
        new = _deltas(table, Objective.HUBER, theta, rows)
        moves = np.flatnonzero(~(np.abs(np.log(new / delta)) < AGREED))
        delta = new
        if len(moves) == 0:
            break
        again = minimise(
            table.problem(moves, delta), theta[moves], tolerance=FINE, near=True, most=REFINE, group=every[: len(moves)]
        )
        theta[moves], steps[moves] = again.theta, steps[moves] + again.steps
    last = minimise(table.problem(every, delta), theta, tolerance=TIGHT, near=True, most=REFINE, group=every)
    last = _checked(last, table.problem(every, delta), SETTLED)
    return _End(replace(last, steps=last.steps + steps), delta)


def _checked(found: Minimum, problem: Problem, most: float) -> Minimum:
    """The same, converged only where the slope agrees."""
    return replace(found, converged=found.converged & (remaining(problem, found.theta) <= most))


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


def _second(table: Table, place: int, found: Minimum, mine: Mask) -> tuple[float, Array] | None:
    """The best minimum that is not the best one again."""
    best = found.objective[mine].min()
    apart = mine & found.converged & (found.objective > best * (1 + SAME_BASIN) + 1e-15)
    if not apart.any():
        return None
    index = int(np.where(apart, found.objective, np.inf).argmin())
    return float(found.objective[index]), table.own(place, found.theta[index])
