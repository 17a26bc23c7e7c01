"""Laws to be fitted to the same runs, as rows of one problem: a row is a law and a start for it.

Knows forms as data and columns; neither starts nor scales.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scalelab.laws.fitting.newton import Problem
from scalelab.laws.fitting.pieces import problem_of, residuals_at, with_delta
from scalelab.laws.fitting.stack import Stack
from scalelab.laws.forms import Form, Inputs
from scalelab.laws.forms.summed import Summed
from scalelab.laws.runs import Array

MOST_RUNS = 2_000
"""Runs beyond which a step is paid by the number and not by the call, so that laws are better fitted one by one."""

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Law:
    """A form to be fitted."""

    form: Form
    inputs: Inputs
    fixed: Mapping[int, float]
    """Entries of θ that stay what they are."""

    @property
    def n_free(self) -> int:
        """Parameters that are really free."""
        return self.form.n_free - len(self.fixed)

    def bounds(self, loss: Array) -> tuple[Array, Array]:
        """Of θ, both the value itself where it is fixed."""
        lower, upper = self.form.bounds(loss)
        for index, value in self.fixed.items():
            lower[index] = upper[index] = value
        return lower, upper


class Table:
    """The laws with their runs."""

    __slots__ = ("_alone", "_lower", "_stack", "_upper", "laws", "target", "weight")

    def __init__(self, laws: Sequence[Law], loss: Array, weight: Array) -> None:
        self.laws, self.target, self.weight = tuple(laws), np.log(loss), weight
        self._alone: Problem | None = None
        limits = [law.bounds(loss) for law in laws]
        if len(laws) == 1:
            law = self.laws[0]
            self._alone = problem_of(law.form, law.inputs, self.target, weight, np.inf, limits[0])
            return
        self._stack = Stack.of([(law.form.n_free, law.form.prepare(law.inputs)) for law in laws])
        self._lower, self._upper = (
            np.stack([self._stack.widened(i, limit[side]) for i, limit in enumerate(limits)]) for side in (0, 1)
        )

    def problem(self, law: Rows, delta: Array, weight: Array | None = None) -> Problem:
        """For rows of the given laws; `delta` of each law, `weight` (rows, n) in place of the runs' own."""
        if self._alone is not None:
            alone = with_delta(self._alone, float(delta[0]))
            return alone if weight is None else replace(alone, weight=weight)
        return Problem(
            terms=self._stack.terms.take(law), target=self.target,
            weight=self.weight if weight is None else weight, delta=delta[law][:, None],
            lower=self._lower[law], upper=self._upper[law],
        )  # fmt: skip

    def widened(self, law: int, theta: Array) -> Array:
        """θ of a law as a row of the table."""
        return theta if self._alone is not None else self._stack.widened(law, theta)

    def own(self, law: int, row: Array) -> Array:
        """The law's θ of a row."""
        return row if self._alone is not None else self._stack.own(law, row)

    def residuals(self, law: Rows, theta: Array) -> Array:
        """Ln observed − ln law at each row's θ: (rows, n)."""
        if self._alone is not None:
            return np.stack([residuals_at(self._alone, row) for row in theta])
        made: Array = self._stack.terms.take(law).log_loss(theta[:, None])[:, 0]
        return self.target - made


def together(laws: Sequence[Law], n_runs: int) -> list[list[int]]:
    """Which of the laws are fitted as one table, by their places: those made of terms."""
    every = range(len(laws))
    joined = [] if n_runs > MOST_RUNS else [place for place in every if laws[place].form.compose is Summed]
    return ([joined] if joined else []) + [[place] for place in every if place not in joined]
