"""The honest check: a law fitted without the largest runs, and by how much it then misses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.fits import LARGEST
from scalelab.laws.fitting.fitter import check_enough, floats, inputs_of, objective_named, sound_numbers, weights_of
from scalelab.laws.fitting.fixed import fixed_entries
from scalelab.laws.fitting.solve import solve
from scalelab.laws.forms import form_named
from scalelab.laws.runs import Array, Mask, RunTable, check_spread

PANEL_NAME = "panel"
"""Stands for the mean of the laws that predict where one law's name would stand."""
SAME_BUDGET = 0.97
"""Budgets are rounded to whole steps of each rung's batch: within 3 % they are one."""


class Held(StrEnum):
    """What is held back."""

    LARGEST_RUN = "largest-run"
    """The run with the most compute."""
    LARGEST_BUDGET = "largest-budget"
    """Every run with the most tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """A law without some runs, against those runs."""

    law: str
    """Of a form, or "panel" for the mean of the laws that predict."""
    held: str
    """"largest-run" or "largest-budget"."""
    left_out: tuple[str, ...]
    n_fitted: int
    observed: tuple[float, ...]
    """Losses of the runs held back, nats a token."""
    predicted: tuple[float, ...]
    error: float
    """Mean of |predicted/observed − 1|."""
    bias: float
    """Mean of predicted/observed − 1: above zero where the law is too pessimistic."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        parts: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**parts)


def by_cost(runs: RunTable) -> npt.NDArray[np.intp]:
    """Indices from the cheapest run to the most expensive; those of one compute, as grids have many, by N and then by
    loss, so that neither the order of the table nor its units choose.
    """
    above = [np.log(column) for column in (runs.compute, runs.n_params)]
    log_c, log_n = (np.round(logs - logs.min(initial=np.inf), 6) for logs in above)
    return np.lexsort((runs.loss, log_n, log_c))


def _largest_run(runs: RunTable) -> Mask:
    mask = np.zeros(len(runs), dtype=bool)
    mask[by_cost(runs)[-1]] = True
    return mask


def _largest_budget(runs: RunTable) -> Mask:
    mask: Mask = runs.n_tokens >= SAME_BUDGET * runs.n_tokens.max()
    return mask


_CHOICE: dict[Held, Callable[[RunTable], Mask]] = {
    Held.LARGEST_RUN: _largest_run,
    Held.LARGEST_BUDGET: _largest_budget,
}


def held_masks(runs: RunTable, least: int) -> dict[Held, Mask]:
    """What can be held back so that `least` runs of different N and D remain."""
    masks = {}
    for held, choose in _CHOICE.items():
        mask = choose(runs)
        rest = [column[~mask] for column in (runs.n_params, runs.n_tokens)]
        if len(rest[0]) >= least and all(np.ptp(np.log(column)) > 1e-6 for column in rest):
            masks[held] = mask
    return masks


def from_misses(law: str, held: Held, runs: RunTable, mask: Mask, log_miss: Array) -> HoldOut:
    """The record of a hold-out from ln predicted − ln observed on the runs of a mask."""
    left = runs.take(mask)
    predicted = left.loss * np.exp(np.clip(log_miss, -LARGEST, LARGEST))
    miss = predicted / left.loss - 1.0
    return HoldOut(
        law=law, held=str(held), left_out=left.run_id, n_fitted=len(runs) - len(left), observed=floats(left.loss),
        predicted=floats(predicted), error=float(np.abs(miss).mean()), bias=float(miss.mean()),
    )  # fmt: skip


def hold_out(
    runs: RunTable,
    law: str = "chinchilla",
    held: str = "largest-run",
    objective: str | None = None,
    *,
    fix: Mapping[str, float] | None = None,
) -> HoldOut:
    """Fit a law without the largest run, or without every run of the largest budget, and predict what was left out.

    The plain fit, each run weighing alike; `Assessment.hold_outs` has those of the fits that predict. `fix` as for
    `fit`.

    Raises
    ------
    BadInput
        What remains is too little for the law, or has no spread.
    """
    form = form_named(law)
    try:
        out = _CHOICE[Held(held)](runs)
    except ValueError:
        raise BadInput(f"cannot hold out {held[:60]!r}", allowed=", ".join(Held)) from None
    rest, left = runs.take(~out), runs.take(out)
    check_enough(rest, form, len(fix or ()))
    check_spread(rest)
    kind = objective_named(objective or form.default_objective)
    with sound_numbers(form):
        fixed = fixed_entries(form, fix, rest.loss)
        found = solve(form, inputs_of(rest, form), rest.loss, weights_of(rest), kind, fixed=fixed)
    log_miss = form.log_loss(found.theta, inputs_of(left, form)) - np.log(left.loss)
    return from_misses(law, Held(held), runs, out, log_miss)
