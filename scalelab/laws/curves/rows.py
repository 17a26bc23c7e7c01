"""Curves as the rows of one regression: S1, S2 for every memory, the loss, and its weight.

Knows which losses are left out at the start on principle; not how the rows are fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalelab.laws.curves.curve import TRANSIENT, Curve
from scalelab.laws.runs import Array

DRIFT = 0.003
"""How far single held-out losses lie from the curve, as a share of the loss, before they are many enough to say."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """What the law is fitted to."""

    s1: Array
    """Area under the rate (shares of the peak), shape (n,)."""
    s2: Array
    """Annealing area for each memory, shape (n, m)."""
    loss: Array
    weight: Array
    """Relative precision: the steps that a loss is a mean of; for held-out losses see `held_out`."""
    held_out: Array
    """1 for a held-out loss, else 0."""
    curve: Array
    """Number of the curve that a row comes from: residuals are neighbours only within one."""
    end_s1: float
    """S1 at the end of the run that is forecast."""
    end_s2: Array
    """S2 there, shape (m,)."""
    seen_s1: float
    """S1 where that run stands now."""

    def __len__(self) -> int:
        """Losses in use."""
        return len(self.loss)


def rows_of(target: Curve, others: Sequence[Curve], memories: Array) -> Rows:
    """The rows of a run and of others of the same model; rates as shares of the target's peak."""
    peak = float(target.rates.max())
    seen = float(target.forward(np.array([target.seen]), peak)[0])
    parts = [
        part
        for number, curve in enumerate((target, *others))
        for part in _curve_rows(curve, number, memories, peak, TRANSIENT * seen)
    ]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    end = np.array([target.until])
    return Rows(
        s1=columns[0],
        s2=columns[1],
        loss=columns[2],
        weight=columns[3],
        held_out=columns[4],
        curve=columns[5],
        end_s1=float(target.forward(end, peak)[0]),
        end_s2=target.annealed(end, memories, peak)[0],
        seen_s1=seen,
    )


def _curve_rows(curve: Curve, number: int, memories: Array, peak: float, least: float) -> list[tuple[Array, ...]]:
    """(S1, S2, loss, weight, held out, curve) of a curve's training losses and of its held-out ones."""

    def rows(at: Array, loss: Array, weight: Array, held_out: float) -> tuple[Array, ...]:
        same = np.ones_like(at)
        return (
            curve.forward(at, peak), curve.annealed(at, memories, peak), loss, weight, held_out * same, number * same,
        )  # fmt: skip

    late = _late(curve, curve.positions, peak, least)
    where, loss, weight = curve.thinned(late)
    held = _late(curve, curve.held_out_positions, peak, least)
    return [
        rows(where, loss, weight, 0.0),
        rows(curve.held_out_positions[held], curve.held_out_losses[held], np.ones(int(held.sum())), 1.0),
    ]


def _late(curve: Curve, at: Array, peak: float, least: float) -> np.ndarray:
    keep: np.ndarray = (at > curve.warm_from) & (curve.forward(at, peak) >= least)
    return keep
