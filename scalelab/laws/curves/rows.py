"""Curves as the rows of one regression: S1, S2 for every memory, the loss, and its weight.

Knows which losses are left out at the start on principle; not how the rows are fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    seen_s2: Array
    """S2 there, shape (m,)."""

    def __len__(self) -> int:
        """Losses in use."""
        return len(self.loss)


def rows_of(curves: Sequence[Curve], memories: Array) -> Rows:
    """The rows of the first curve, and of others of the same model; rates as shares of the first one's peak."""
    target = curves[0]
    peak = float(target.rates.max())
    seen = float(target.forward(np.array([target.seen]), peak)[0])
    parts = [_curve_rows(curve, number, memories, peak, TRANSIENT * seen) for number, curve in enumerate(curves)]
    # The last two rows of a curve are where it stands and its end: asked of the first, of the others not.
    end_s1, end_s2, seen_s2 = parts[0][0][-1], parts[0][1][-1], parts[0][1][-2]
    s1, s2, loss, weight, held_out, curve = (
        np.concatenate([each[:-2] for each in column]) for column in zip(*parts, strict=True)
    )
    return Rows(
        s1=s1, s2=s2, loss=loss, weight=weight, held_out=held_out, curve=curve,
        end_s1=float(end_s1), end_s2=end_s2, seen_s1=seen, seen_s2=seen_s2,
    )  # fmt: skip


def _curve_rows(curve: Curve, number: int, memories: Array, peak: float, least: float) -> tuple[Array, ...]:
    """(S1, S2, loss, weight, held out, curve) of a curve's training losses, its held-out ones, now and its end."""

    def late(at: Array) -> npt.NDArray[np.bool_]:
        keep: npt.NDArray[np.bool_] = (at > curve.warm_from) & (curve.forward(at, peak) >= least)
        return keep

    where, loss, weight = curve.thinned(late(curve.positions))
    held = late(curve.held_out_positions)
    held_where, held_loss = curve.held_out_positions[held], curve.held_out_losses[held]
    at = np.concatenate([where, held_where, [curve.seen, curve.until]])
    return (
        *curve.areas(at, memories, peak),
        np.concatenate([loss, held_loss, [np.nan, np.nan]]),
        np.concatenate([weight, np.ones(len(held_where) + 2)]),
        np.concatenate([np.zeros(len(where)), np.ones(len(held_where) + 2)]),
        np.full(len(at), float(number)),
    )
