"""How noisy a curve is, how much its neighbours share, and which points are out of line.

Training losses are autocorrelated: n of them are worth n (1 − ρ)/(1 + ρ) independent ones (AR(1)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalelab.laws.curves.cells import ALPHAS, Before, Cells, predicted, solve
from scalelab.laws.curves.rows import DRIFT, Rows
from scalelab.laws.runs import Array

HUBER = 1.345
"""Huber's constant: 95 % efficient where the noise is normal."""
ROUNDS, CLOSER = 2, 2
"""Looks at the exponents, each at a narrower range: while the noise is not known, and when it is."""
MOST_SHARED = 0.97
DRIFT_WORTH = 4.0
"""Held-out losses that `DRIFT` counts for."""
ROUNDING = 1e-6
"""Noise is never taken to be under this share of the loss."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Noise:
    """The precision of every row and where it comes from."""

    precision: Array
    """1/variance of each row, its correlation with neighbours and its robust weight included."""
    shared: float
    """ρ: correlation of a training loss with the next, 0 to 0.97."""
    effective: float
    """Independent training losses that these are worth."""
    held_out_sd: float
    """Scatter of single held-out losses about the curve, nats."""


def estimate(rows: Rows, before: Before) -> tuple[Noise, Cells]:
    """Noise about the best cell, robustly, and the cells under it: each round looks closer at the exponents."""
    training = rows.held_out == 0
    tiny = ROUNDING * float(np.abs(rows.loss).mean())
    held_out_sd = DRIFT * float(np.median(rows.loss))
    # Differences of neighbours know the noise before any law is fitted.
    scale = _roughness(rows.loss[training]) + tiny
    robust, alphas = np.ones(len(rows)), ALPHAS
    relative = rows.weight / max(float(np.median(rows.weight[training])), 1e-300) if training.any() else rows.weight
    for _ in range(ROUNDS):
        precision = np.where(training, relative / scale**2, 1.0 / held_out_sd**2) * robust
        cells = solve(rows, precision, before, alphas)
        alphas = cells.closer()
        miss = rows.loss - predicted(rows, cells, int(np.argmax(cells.log_weight)))
        size = miss * np.where(training, np.sqrt(relative), 1.0)
        if training.any():
            scale = float(np.median(np.abs(size[training]))) / 0.6745 + tiny
        held_out_sd = _drift(size[~training], DRIFT * float(np.median(rows.loss)))
        robust = _huber(size / np.where(training, scale, held_out_sd))
    shared = _shared(size[training] / scale, rows.curve[training])
    factor = (1.0 + shared) / (1.0 - shared)
    precision = np.where(training, relative / (scale**2 * factor), 1.0 / held_out_sd**2) * robust
    noise = Noise(
        precision=precision,
        shared=shared,
        effective=float(training.sum()) / factor,
        held_out_sd=held_out_sd,
    )
    # With the noise known for what it is the peak may be wider again than in the last round: once more from afar.
    cells = solve(rows, precision, before)
    for _ in range(CLOSER):
        cells = solve(rows, precision, before, cells.closer())
    return noise, cells


def _roughness(losses: Array) -> float:
    """Standard deviation of the noise from the differences of neighbours, as if it were white."""
    steps = np.abs(np.diff(losses))
    return float(np.median(steps)) / (0.6745 * 2**0.5) if len(steps) else 0.0


def _huber(size: Array) -> Array:
    weight: Array = HUBER / np.maximum(np.abs(size), HUBER)
    return weight


def _drift(miss: Array, usual: float) -> float:
    """Scatter of the held-out losses, leaning on what is usual while they are few."""
    return float(np.sqrt((DRIFT_WORTH * usual**2 + miss @ miss) / (DRIFT_WORTH + max(len(miss) - 1, 0))))


def _shared(size: Array, curve: Array) -> float:
    """Correlation of neighbours within curves, of residuals cut at three scales so that no spike makes it."""
    cut = np.clip(size, -3.0, 3.0)
    same = curve[1:] == curve[:-1]
    if same.sum() < 4 or not (square := float(cut @ cut)):
        return 0.0
    found = float((cut[1:] * cut[:-1])[same].sum()) / square * len(cut) / float(same.sum())
    # The estimate lies low by (1 + 4ρ)/n (Marriott & Pope 1954), and by more where four numbers were fitted.
    return float(np.clip(found + (2.0 + 4.0 * max(found, 0.0)) / len(cut), 0.0, MOST_SHARED))
