"""The table of final losses, sizes by budgets, and every place where more did not help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from scalelab.figures.ladder import rungs_of
from scalelab.gate import clean
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws.runs import RunTable

SAME_BUDGET = 0.03
"""Budgets are rounded to whole steps of each rung's batch: within 3 % they are one column."""
LEAST_FILLED = 0.5
"""Share of cells that must hold a run for the table to be worth its space."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LossGrid:
    """Mean final loss by size and budget; NaN where there is no run."""

    n_params: tuple[float, ...]
    n_tokens: tuple[float, ...]
    rungs: tuple[str, ...]
    """Name of each size, or its N where it has none."""
    loss: np.ndarray
    """(sizes, budgets), nats a token, mean over seeds."""
    n_runs: np.ndarray
    """(sizes, budgets)."""

    @property
    def filled(self) -> float:
        """Share of the cells that hold a run."""
        return float((self.n_runs > 0).mean()) if self.n_runs.size else 0.0

    def exceptions(self) -> list[str]:
        """One sentence for each neighbouring pair where the larger size, or the larger budget, has the higher loss."""
        found = []
        for column, tokens in enumerate(self.n_tokens):
            for lower, upper in _neighbours(self.loss[:, column]):
                found.append(
                    f"at D = {format_count(tokens)}, {self.rungs[upper]} "
                    + _over(self.loss[upper, column], self.rungs[lower], self.loss[lower, column])
                )
        for row, rung in enumerate(self.rungs):
            for lower, upper in _neighbours(self.loss[row]):
                found.append(
                    f"{rung} at D = {format_count(self.n_tokens[upper])} "
                    + _over(self.loss[row, upper], f"D = {format_count(self.n_tokens[lower])}", self.loss[row, lower])
                )
        return found


def loss_grid(
    runs: RunTable, rung_names: Mapping[str, str] | None = None, values: np.ndarray | None = None
) -> LossGrid:
    """The grid of a table of runs; `rung_names` gives the rung of a run where it is known.

    With `values`, one a run, of those in the place of losses.
    """
    sizes, place = rungs_of(runs.n_params)
    budgets, column = _budgets(runs.n_tokens)
    total = np.zeros((len(sizes), len(budgets)))
    count = np.zeros((len(sizes), len(budgets)), dtype=int)
    np.add.at(total, (place, column), runs.loss if values is None else values)
    np.add.at(count, (place, column), 1)
    with np.errstate(invalid="ignore"):
        loss = np.where(count > 0, total / count, np.nan)
    names = [format_count(size) for size in sizes]
    # The first run of a size names it: what was evaluated or imported later may have the same N.
    for run, rung in reversed(list(zip(runs.run_id, place, strict=True))):
        names[rung] = clean((rung_names or {}).get(run, names[rung]), 24)
    return LossGrid(
        n_params=tuple(sizes.tolist()), n_tokens=tuple(budgets), rungs=tuple(names), loss=loss, n_runs=count
    )


def _budgets(n_tokens: np.ndarray) -> tuple[list[float], np.ndarray]:
    order = np.argsort(n_tokens, kind="stable")
    rising = n_tokens[order]
    if not len(rising):
        return [], np.zeros(0, dtype=int)
    index = np.concatenate([[0], np.cumsum(np.diff(np.log(rising)) > SAME_BUDGET)])
    place = np.empty(len(rising), dtype=int)
    place[order] = index
    return [float(np.median(rising[index == each])) for each in range(int(index[-1]) + 1)], place


def _over(loss: float, other: str, others: float) -> str:
    """The second half of an exception: what the loss is not below, though it should be."""
    return f"({loss:.4f}) is {'no lower than' if loss == others else 'above'} {other} ({others:.4f})"


def _neighbours(losses: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of neighbouring filled places where the second loss is not below the first."""
    filled = np.flatnonzero(np.isfinite(losses))
    return [(int(a), int(b)) for a, b in pairwise(filled) if losses[b] >= losses[a]]
