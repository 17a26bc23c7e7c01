"""The law of a curve fitted in every cell of a grid over its exponent and memory, all cells at once.

For one α and one memory, L = L0 + A·S1^(−α) − C·S2 is linear: variable projection (Tissue et al. 2024, arXiv
2408.11029, fit all by L-BFGS). All cells share one matrix of products. The decline is scaled to 1 over what was seen,
so that cells compare by their evidence and no exponent is favoured for the size of its coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalelab.laws.curves.rows import Rows
from scalelab.laws.runs import Array

ALPHAS = np.geomspace(0.06, 1.8, 12)
"""Exponents of S1 to begin with; published fits have 0.4–0.6, small models less."""
FAINT = -9.0
"""Log evidence, against the best, below which an exponent is looked at no closer."""
ALPHA_CENTRE, ALPHA_SPREAD = 0.4, 0.8
"""Where α lies before a curve is seen, and the standard deviation of its log."""
LEVEL, DECLINE, GAIN, OFFSET = range(4)
"""Columns: loss where the run stands (no annealing), decline up to there, annealing, held-out minus training."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Before:
    """What is known of a coefficient before the curve is: normal with these moments, for each memory."""

    gain: Array
    """C for each memory, nats per unit of S2."""
    gain_sd: Array
    offset_sd: float
    """Of held-out minus training loss, nats."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """A normal posterior in each of the G cells, exponents slow and memories fast."""

    mean: Array
    """(G, 4)."""
    lower: Array
    """(G, 4, 4) Cholesky factor of the inverse covariance."""
    log_weight: Array
    """(G,) log evidence, the largest 0."""
    floor: Array
    """(G,) the level may not lie below this many declines: there L0 would be negative."""
    alphas: Array
    """(A,) exponents."""

    def factor(self) -> Array:
        """(G, 4, 4): covariance = factor @ factor.T."""
        return np.asarray(np.linalg.inv(self.lower), dtype=float).transpose(0, 2, 1)

    @property
    def n_memory(self) -> int:
        """Memories of the grid."""
        return len(self.log_weight) // len(self.alphas)

    @property
    def alpha_weight(self) -> Array:
        """(A,) log evidence of each exponent, the largest 0."""
        weight = np.logaddexp.reduce(self.log_weight.reshape(len(self.alphas), -1), axis=1)
        relative: Array = weight - weight.max()
        return relative

    def closer(self) -> Array:
        """As many exponents about those that the evidence is for: a grid wider than the peak would miss it."""
        kept = np.flatnonzero(self.alpha_weight > FAINT)
        low, high = max(kept[0] - 1, 0), min(kept[-1] + 1, len(self.alphas) - 1)
        closer: Array = np.geomspace(self.alphas[low], self.alphas[high], len(self.alphas))
        return closer


def columns_of(rows: Rows, s1: Array, alphas: Array) -> Array:
    """The decline's column for each exponent: shape (len(s1), A), 0 where the run stands and 1 at the first row."""
    powers: Array = (np.maximum(s1, 1e-300)[:, None] / rows.seen_s1) ** -alphas - 1.0
    return powers / _largest(rows, alphas)


def solve(rows: Rows, precision: Array, before: Before, alphas: Array = ALPHAS) -> Cells:
    """The posterior of every cell, given each row's precision (1/variance)."""
    n_alpha, n_memory = len(alphas), rows.s2.shape[1]
    centre = float(precision @ rows.loss / precision.sum())
    columns = np.column_stack(
        [np.ones(len(rows)), columns_of(rows, rows.s1, alphas), -rows.s2, rows.held_out, rows.loss - centre]
    )
    gram = columns.T @ (columns * precision[:, None])
    exponent, memory = np.divmod(np.arange(n_alpha * n_memory), n_memory)
    offset = np.full(len(exponent), n_alpha + n_memory + 1)
    index = np.stack([np.zeros_like(exponent), 1 + exponent, 1 + n_alpha + memory, offset], axis=1)
    normal = gram[index[:, :, None], index[:, None, :]]
    right = gram[index, -1]
    gain, gain_sd = np.tile(before.gain, n_alpha), np.tile(before.gain_sd, n_alpha)
    normal[:, GAIN, GAIN] += 1.0 / gain_sd**2
    normal[:, OFFSET, OFFSET] += 1.0 / before.offset_sd**2
    # A hair of ridge: one row, or none of a kind, must not be singular.
    normal[:, range(4), range(4)] *= 1.0 + 1e-9
    normal[:, range(2), range(2)] += 1e-9 * precision.sum()
    right[:, GAIN] += gain / gain_sd**2
    lower = np.linalg.cholesky(normal)
    mean = np.linalg.solve(normal, right[..., None])[..., 0]
    misfit = gram[-1, -1] + gain**2 / gain_sd**2 - np.einsum("gp,gp->g", mean, right)
    mean[:, LEVEL] += centre
    log_weight = -0.5 * misfit - np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1) - np.log(gain_sd)
    log_weight += np.repeat(-0.5 * (np.log(alphas / ALPHA_CENTRE) / ALPHA_SPREAD) ** 2, n_memory)
    return Cells(
        mean=mean,
        lower=lower,
        log_weight=log_weight - log_weight.max(),
        floor=np.repeat(1.0 / _largest(rows, alphas), n_memory),
        alphas=alphas,
    )


def ahead(rows: Rows, cells: Cells) -> tuple[Array, Array]:
    """(G, 4) twice: the row of the run's end, on the held-out set where there is one, and the change until then."""
    n_alpha, n_memory = len(cells.alphas), cells.n_memory
    end = np.ones((n_alpha * n_memory, 4))
    end[:, DECLINE] = np.repeat(columns_of(rows, np.array([rows.end_s1]), cells.alphas)[0], n_memory)
    end[:, GAIN] = np.tile(-rows.end_s2, n_alpha)
    end[:, OFFSET] = float(rows.held_out.any())
    change = end * [0.0, 1.0, 0.0, 0.0]
    change[:, GAIN] = np.tile(rows.seen_s2 - rows.end_s2, n_alpha)
    return end, change


def predicted(rows: Rows, cells: Cells, cell: int) -> Array:
    """The law at every row in one cell: shape (n,)."""
    exponent, memory = divmod(cell, cells.n_memory)
    decline = columns_of(rows, rows.s1, cells.alphas[exponent : exponent + 1])[:, 0]
    level, fall, gain, offset = cells.mean[cell]
    line: Array = level + fall * decline - gain * rows.s2[:, memory] + offset * rows.held_out
    return line


def _largest(rows: Rows, alphas: Array) -> Array:
    """The decline's column at the first row, before it is scaled: (A,)."""
    first = min(float(rows.s1.min()) / rows.seen_s1, 0.999)
    largest: Array = first**-alphas - 1.0
    return largest
