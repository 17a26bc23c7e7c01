"""A law that is a power of a sum of terms over a floor, value and derivatives in few large operations.

ln L = ln(E + exp(κ · ln Σ_j exp(θ · rows_j + shift_j))): every law here but those of repeated data. Of many θ at once;
each row of θ may have terms of its own, so that different laws on the same runs are rows of one table. Knows no law.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from scalelab.laws.forms.nodes import weighted_gram
from scalelab.laws.runs import Array

MOST = 700.0
"""ln of what the terms make beyond which a floor no longer counts: the exponential would overflow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """What such a law is at n runs, for all rows of θ alike, or with a leading axis for each row its own."""

    rows: Array
    """([S,] p, k, n): what each entry of θ is multiplied by in the log of each of the k terms."""
    differences: Array | None = None
    """([S,] p, pairs, n): rows_i − rows_j for every pair of terms, by which the log of their sum bends; None where they
    are not made ahead."""
    shift: Array | None = None
    """([S,] k, n): what is added to the log of each term without a parameter; −inf for a term that is not there."""
    floor: int | None = None
    """The entry of θ that is E."""
    outer: int | None = None
    """The entry of θ that is κ."""

    def ready(self) -> Self:
        """With the differences, for many steps."""
        return replace(self, differences=differences_of(self.rows))

    def take(self, index: npt.NDArray[np.intp]) -> Self:
        """Some of the rows, where each has its own terms; otherwise the same."""
        if self.rows.ndim == 3:
            return self
        shift = None if self.shift is None else self.shift[index]
        differences = None if self.differences is None else self.differences[index]
        return replace(self, rows=self.rows[index], differences=differences, shift=shift)

    def log_terms(self, theta: Array) -> Array:
        """The log of each term: (S, T, p) → (S, T, k, n)."""
        *own, p, k, n = self.rows.shape
        flat = self.rows.reshape(*own, p, k * n)
        made = (theta @ flat if own else theta.reshape(-1, p) @ flat).reshape(*theta.shape[:2], k, n)
        if self.shift is not None:
            made += self.shift[:, None] if own else self.shift
        return made

    def log_loss(self, theta: Array) -> Array:
        """Ln L alone: (S, T, p) → (S, T, n)."""
        above = log_total(self.log_terms(theta))
        if self.outer is not None:
            above *= theta[..., self.outer, None]
        return above if self.floor is None else over(theta[..., self.floor, None], above)


class Summed:
    """Such a law at θ (S, p), with its derivatives."""

    __slots__ = ("_above", "_factor", "_gradient", "_inner", "_mean", "_share", "_shares", "_terms", "_up", "value")

    def __init__(self, theta: Array, terms: Terms) -> None:
        self._terms = terms
        self._inner, self._shares = log_sum(terms.log_terms(theta[:, None])[:, 0])
        self._factor: Array | None = None if terms.outer is None else theta[:, terms.outer, None]
        self._above: Array = self._inner if self._factor is None else self._inner * self._factor
        floor = None if terms.floor is None else theta[:, terms.floor, None]
        self.value: Array = self._above if floor is None else over(floor, self._above)
        self._share: Array | None = None if floor is None else np.exp(self._above - self.value)
        self._gradient: Array | None = None

    def gradient(self) -> Array:
        """Means of the terms' rows by their shares, and the floor's and the power's own: (S, n, p)."""
        if self._gradient is None:
            terms = self._terms
            *own, _, k, _ = terms.rows.shape
            rows = terms.rows if own else terms.rows[None]
            mean = rows[:, :, 0] if k == 1 else np.einsum("skn,spkn->spn", self._shares, rows)
            up = mean
            if self._factor is not None:
                up = mean * self._factor[:, None]
                up[:, terms.outer] += self._inner
            gradient = up
            if self._share is not None:
                gradient = up * self._share[:, None]
                gradient[:, terms.floor] += np.exp(-self.value)
            self._mean, self._up, self._gradient = (np.swapaxes(each, 1, 2) for each in (mean, up, gradient))
        return self._gradient

    def contract(self, c: Array) -> Array:
        """Σ share_i share_j (rows_i − rows_j)(rows_i − rows_j)ᵀ over the pairs, and what power and floor add."""
        gradient, terms = self.gradient(), self._terms
        shared = c if self._share is None else c * self._share
        total = weighted_gram(self._up, shared) - weighted_gram(gradient, c)
        inner = shared if self._factor is None else shared * self._factor
        k = self._shares.shape[1]
        if k > 1:
            differences = differences_of(terms.rows) if terms.differences is None else terms.differences
            *own, p, pairs, n = differences.shape
            between = np.stack([self._shares[:, i] * self._shares[:, j] for i, j in pairs_of(k)], axis=1)
            flat = np.swapaxes(differences.reshape(*own, p, pairs * n), -1, -2)
            total += weighted_gram(flat if own else flat[None], (between * inner[:, None]).reshape(-1, pairs * n))
        if self._factor is not None:
            mixed = (shared[:, None, :] @ self._mean)[:, 0]
            total[:, terms.outer] += mixed
            total[:, :, terms.outer] += mixed
        return total


def pairs_of(k: int) -> list[tuple[int, int]]:
    """Every two of k terms."""
    return list(itertools.combinations(range(k), 2))


def differences_of(rows: Array) -> Array:
    """Of every two terms' rows, ([S,] p, k, n) → ([S,] p, pairs, n)."""
    k = rows.shape[-2]
    if k == 2:
        return rows[..., :1, :] - rows[..., 1:, :]
    parts = [rows[..., i, :] - rows[..., j, :] for i, j in pairs_of(k)]
    return np.stack(parts, axis=-2) if parts else np.zeros((*rows.shape[:-2], 0, rows.shape[-1]))


def log_total(logs: Array) -> Array:
    """Ln Σ exp over the terms, without their shares: (…, k, n) → (…, n)."""
    if logs.shape[-2] == 1:
        return logs[..., 0, :].copy()
    top: Array = logs.max(axis=-2)
    logs -= top[..., None, :]
    np.exp(logs, out=logs)
    total = logs.sum(axis=-2)
    np.log(total, out=total)
    top += total
    return top


def log_sum(logs: Array) -> tuple[Array, Array]:
    """Ln Σ exp over the terms, and each one's share: (…, k, n) → (…, n) and (…, k, n)."""
    if logs.shape[-2] == 1:
        return logs[..., 0, :].copy(), np.ones_like(logs)
    top = logs.max(axis=-2)
    parts = np.exp(logs - top[..., None, :])
    total = parts.sum(axis=-2)
    parts /= total[..., None, :]
    np.log(total, out=total)
    total += top
    return total, parts


def over(floor: Array, above: Array) -> Array:
    """Ln(E + exp(above)); `above` itself where either is lost in the other's rounding."""
    raised = np.exp(np.minimum(above, MOST))
    raised += floor
    np.log(raised, out=raised)
    return np.maximum(raised, above, out=raised)
