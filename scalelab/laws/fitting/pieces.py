"""The problem that a form and runs make for the minimiser, in pieces where the table is large.

Knows forms as data and columns; no starts, no scales.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scalelab.laws.fitting.newton import Problem
from scalelab.laws.forms import Form, Inputs
from scalelab.laws.forms.summed import Terms
from scalelab.laws.runs import Array

PIECE = 16_384
"""Runs looked at together: their gradients stay in a processor's cache, and a million runs in bounded memory."""


def problem_of(
    form: Form, inputs: Inputs, target: Array, weight: Array, delta: float, bounds: tuple[Array, Array]
) -> Problem:
    """The problem; `weight` is (n,) or (S, n), `target` ln of the losses, `bounds` of θ."""
    n = len(target)
    if n > PIECE:
        rows = [slice(first, first + PIECE) for first in range(0, n, PIECE)]
        parts = tuple(
            problem_of(form, rows_of(inputs, part), target[part], weight[..., part], delta, bounds) for part in rows
        )
        return replace(parts[0], target=target, weight=weight, parts=parts)
    prepared = form.prepare(inputs)
    return Problem(
        build=lambda theta: form.compose(theta, prepared),
        terms=prepared.ready() if isinstance(prepared, Terms) else None,
        target=target, weight=weight, delta=delta, lower=bounds[0], upper=bounds[1],
    )  # fmt: skip


def with_delta(problem: Problem, delta: float) -> Problem:
    """The same problem with another δ."""
    return replace(problem, delta=delta, parts=tuple(replace(part, delta=delta) for part in problem.parts))


def residuals_at(problem: Problem, theta: Array) -> Array:
    """Ln observed − ln law at one θ (p,): (n,)."""
    parts = problem.parts or (problem,)
    return np.concatenate([part.target - part.log_loss(theta[None, None])[0, 0] for part in parts])


def rows_of(inputs: Inputs, which: slice | npt.NDArray[np.intp]) -> Inputs:
    """Some of the runs."""
    return Inputs(
        log_n=inputs.log_n[which],
        log_d=inputs.log_d[which],
        extra={name: column[which] for name, column in inputs.extra.items()},
    )


def spread_rows(inputs: Inputs, most: int) -> npt.NDArray[np.intp]:
    """Indices of at most so many runs, evenly along compute, the ends among them."""
    n = len(inputs.log_n)
    if n <= most:
        return np.arange(n)
    order = np.argsort(inputs.log_n + inputs.log_d, kind="stable")
    rows: npt.NDArray[np.intp] = order[np.linspace(0, n - 1, most).round().astype(np.intp)]
    return rows
