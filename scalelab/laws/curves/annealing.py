"""What the learning rate did to a run: the area under it, S1, and the area of its annealing, S2.

Both enter L(s) = L0 + A·S1^(−α) − C·S2 (Tissue et al. 2024, arXiv 2408.11029). A schedule is given in equal parts of
its whole length, so that steps, tokens and batches of any size are one case: with as many parts as steps these are the
sums of the paper. Knows no losses.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from scalelab.laws.runs import Array

PRECISE = 1e4
"""Largest power of 1/λ inside a block of the recursion: four digits of sixteen are given up."""


def area(rates: npt.ArrayLike, *, part: float = 1.0) -> Array:
    """S1 at the end of each part: the area under the learning rate, warm-up included.

    Parameters
    ----------
    rates : learning rate in equal parts of the schedule, shape (m,).
    part : length of one part, in steps or tokens.

    Returns
    -------
    Shape (m,), in rate × steps (or tokens): Σ η of the paper where `part` is 1.
    """
    total: Array = np.cumsum(np.asarray(rates, dtype=float)) * part
    return total


def annealing_area(rates: npt.ArrayLike, memory: float, *, part: float = 1.0) -> Array:
    """S2 at the end of each part: Σ_i Σ_{k≤i} (η_{k−1} − η_k) λ^(i−k), by an O(m) recursion.

    The rise of the warm-up is no negative annealing: differences count from the first peak on, as in the paper.

    Parameters
    ----------
    rates : learning rate in equal parts of the schedule, shape (m,).
    memory : −1/ln λ in the unit of `part`: 1,000 steps are λ = 0.999.
    part : length of one part, in steps or tokens.

    Returns
    -------
    Shape (m,), in rate × steps (or tokens).
    """
    rates = np.asarray(rates, dtype=float)
    if not rates.size:
        return rates
    drops = np.concatenate(([0.0], -np.diff(rates)))
    drops[: int(np.argmax(rates)) + 1] = 0.0
    total: Array = np.cumsum(_momentum(drops, math.exp(-part / memory))) * part
    return total


def _momentum(drops: Array, decay: float) -> Array:
    """m_i = decay·m_{i−1} + drops_i, a block at a time: inside a block it is a weighted cumulative sum."""
    if decay < 1.0 / PRECISE:
        return drops
    size = max(1, min(len(drops), int(math.log(PRECISE) / max(-math.log(decay), 1e-12))))
    blocks = np.pad(drops, (0, -len(drops) % size)).reshape(-1, size)
    fading = decay ** np.arange(size)
    inside = np.cumsum(blocks / fading, axis=1) * fading
    carried, before = np.empty(len(blocks)), 0.0
    for index, last in enumerate(inside[:, -1]):
        carried[index] = before
        before = before * decay**size + float(last)
    momentum: Array = (inside + carried[:, None] * decay * fading).ravel()[: len(drops)]
    return momentum
