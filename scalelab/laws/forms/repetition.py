"""What repeated tokens and oversized models are worth, as nodes: effective amounts and the size that data suffice for.

Muennighoff et al. 2023, arXiv 2305.16264, equations 5 and 6: of an amount X of which U is fresh, the repetitions
R = X/U − 1 decay, X' = U + U R* (1 − exp(−R/R*)). In logs, with z = ln(X/U): ln X' = ln U + h(z, ln R*).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scalelab.laws.forms.nodes import Node, weighted_gram
from scalelab.laws.runs import Array

MOST = 50.0
"""ln(X/U) beyond which every further repetition is worth nothing, whatever R* is."""


class Decay(NamedTuple):
    """h(z, s) = ln[1 + eˢ(1 − exp(−(eᶻ − 1)e⁻ˢ))] and its derivatives."""

    value: Array
    by_z: Array
    by_s: Array
    by_zz: Array
    by_zs: Array
    by_ss: Array


def decay(z: Array, s: Array) -> Array:
    """Only the value of h."""
    value: Array = np.log1p(-np.exp(s) * np.expm1(-np.expm1(z) * np.exp(-s)))
    return value


def decay_with_derivatives(z: Array, s: Array) -> Decay:
    """The value of h with its first and second derivatives, elementwise."""
    more = np.expm1(z)
    spent = more * np.exp(-s)
    left = np.exp(-spent)
    gained = -np.exp(s) * np.expm1(-spent)
    whole = 1.0 + gained
    by_z = (1.0 + more) * left / whole
    by_s = (gained - more * left) / whole
    return Decay(
        value=np.log(whole),
        by_z=by_z,
        by_s=by_s,
        by_zz=by_z * (1.0 - (1.0 + more) * np.exp(-s)) - by_z * by_z,
        by_zs=by_z * spent - by_z * by_s,
        by_ss=(gained - more * left * (1.0 + spent)) / whole - by_s * by_s,
    )


class Constant:
    """A column without a parameter."""

    __slots__ = ("_n_free", "value")

    def __init__(self, column: Array, n_free: int) -> None:
        self._n_free = n_free
        self.value: Array = column[None]

    def gradient(self) -> Array:
        """Nothing depends on θ."""
        return np.zeros((1, self.value.shape[1], self._n_free))

    def contract(self, c: Array) -> Array:
        """Nor bends."""
        return np.zeros((1, self._n_free, self._n_free))


class Sufficient:
    """ln of the N whose term falls as fast as the data's: ln N_opt(U) = (ln α + ln A − ln β − ln B + β ln U)/α.

    That is the compute-optimal N of a chinchilla law for D = U tokens; θ holds ln A, ln B, α, β from `first` on.
    """

    __slots__ = ("_first", "_log_u", "_theta", "value")

    def __init__(self, theta: Array, first: int, log_u: Array) -> None:
        self._theta, self._first, self._log_u = theta, first, log_u
        a, b, alpha, beta = (theta[:, i, None] for i in range(first, first + 4))
        self.value: Array = (np.log(alpha / beta) + a - b + beta * log_u) / alpha

    def gradient(self) -> Array:
        """By the quotient rule."""
        first = self._first
        alpha, beta = self._theta[:, first + 2, None], self._theta[:, first + 3, None]
        gradient = np.zeros((*self.value.shape, self._theta.shape[1]))
        gradient[..., first] = 1.0 / alpha
        gradient[..., first + 1] = -1.0 / alpha
        gradient[..., first + 2] = (1.0 / alpha - self.value) / alpha
        gradient[..., first + 3] = (self._log_u - 1.0 / beta) / alpha
        return gradient

    def contract(self, c: Array) -> Array:
        """The second derivatives, most of which do not depend on the run."""
        a, b, i, j = range(self._first, self._first + 4)
        alpha, beta = self._theta[:, i], self._theta[:, j]
        total = c.sum(axis=1)
        bent = np.zeros((len(c), self._theta.shape[1], self._theta.shape[1]))
        bent[:, a, i] = bent[:, i, a] = -total / alpha**2
        bent[:, b, i] = bent[:, i, b] = total / alpha**2
        bent[:, i, j] = bent[:, j, i] = -(c * (self._log_u - 1.0 / beta[:, None])).sum(axis=1) / alpha**2
        bent[:, j, j] = total / (beta**2 * alpha)
        bent[:, i, i] = (2.0 * (c * self.value).sum(axis=1) - 3.0 * total / alpha) / alpha**2
        return bent


class Effective:
    """ln X' for an amount X (n,) of which exp(fresh) is fresh, with ln R* = θ[index]; all of it where X ≤ fresh."""

    __slots__ = ("_fresh", "_h", "_index", "_over", "value")

    def __init__(self, theta: Array, index: int, log_x: Array, fresh: Node) -> None:
        excess = log_x - fresh.value
        self._fresh, self._index, self._over = fresh, index, excess > 0
        self._h = decay_with_derivatives(np.clip(excess, 0.0, MOST), theta[:, index, None])
        self.value: Array = np.minimum(log_x, fresh.value) + self._h.value

    def gradient(self) -> Array:
        """Fresh ones by their share that is not decayed, and R* itself."""
        gradient = ((1.0 - self._h.by_z) * self._over)[..., None] * self._fresh.gradient()
        gradient[..., self._index] += self._h.by_s
        return gradient

    def contract(self, c: Array) -> Array:
        """The chain rule through z = ln X − fresh, where it is above zero."""
        h, over, index = self._h, c * self._over, self._index
        fresh = self._fresh.gradient()
        total: Array = weighted_gram(fresh, over * h.by_zz) + self._fresh.contract(over * (1.0 - h.by_z))
        mixed = ((over * h.by_zs)[:, None, :] @ fresh)[:, 0, :]
        total[:, index, :] -= mixed
        total[:, :, index] -= mixed
        total[:, index, index] += (c * h.by_ss).sum(axis=1)
        return total
