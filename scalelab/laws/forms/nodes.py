"""The small algebra that laws are written in: affine terms, log-sums, a power of one; exact derivatives come along.

Every law here is ln L as a function of a parameter vector θ (S vectors at once) at n runs. A node knows its value
(S, n), its gradient (S or 1, n, p), and how to contract its Hessian with weights c: Σ_i c_i ∇²f_i, shape (S, p, p),
so that no array ever has n·p·p entries. Knows no law, no data, no optimiser.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from scalelab.laws.runs import Array


class Node(Protocol):
    """A function of θ at n runs."""

    value: Array

    def gradient(self) -> Array:
        """∂f/∂θ, shape (S or 1, n, p)."""
        ...

    def contract(self, c: Array) -> Array:
        """Σ over runs of c · ∇²f for c of shape (S, n); shape (S, p, p), or broadcastable zeros."""
        ...


def weighted_gram(g: Array, c: Array) -> Array:
    """Σ_i c_i g_i g_iᵀ for g (S or 1, n, p) and c (S, n): shape (S, p, p)."""
    return np.swapaxes(g, -1, -2) @ (g * c[..., None])


class Affine:
    """θ · designᵀ for a design of shape (n, p): a term such as a − α ln N."""

    __slots__ = ("_design", "value")

    def __init__(self, theta: Array, design: Array) -> None:
        self._design = design
        self.value: Array = theta @ design.T

    def gradient(self) -> Array:
        """The design itself, whatever θ is."""
        return self._design[None]

    def contract(self, c: Array) -> Array:
        """Nothing: it is straight."""
        p = self._design.shape[1]
        return np.zeros((1, p, p))


class TermSum:
    """ln Σ_j exp(θ · rows_jᵀ + shift_j) over affine terms: what most laws are made of, in few large operations."""

    __slots__ = ("_gradient", "_rows", "_shares", "value")

    def __init__(self, theta: Array, rows: Array, shift: Array | None = None) -> None:
        """`rows` (k, n, p) are the k terms' designs, `shift` (k, n) what is added without a parameter."""
        k, n, p = rows.shape
        self._rows = rows
        self._gradient: Array | None = None
        terms = (theta @ rows.reshape(k * n, p).T).reshape(-1, k, n)
        if shift is not None:
            terms += shift
        top = terms.max(axis=1)
        parts = np.exp(terms - top[:, None])
        total = parts.sum(axis=1)
        self._shares: Array = parts / total[:, None]
        self.value: Array = top + np.log(total)

    def gradient(self) -> Array:
        """The terms' designs, each by its share of the sum."""
        if self._gradient is None:
            self._gradient = (self._shares[..., None] * self._rows).sum(axis=1)
        return self._gradient

    def contract(self, c: Array) -> Array:
        """Σ_j share_j rows_j rows_jᵀ − ∇F ∇Fᵀ, contracted."""
        k, n, p = self._rows.shape
        each = weighted_gram(self._rows.reshape(1, k * n, p), (c[:, None] * self._shares).reshape(-1, k * n))
        return each - weighted_gram(self.gradient(), c)


class LogSum:
    """ln(exp(first) + exp(second)): the log of a sum of two nodes, safe from overflow."""

    __slots__ = ("_first", "_gradient", "_second", "_share", "value")

    def __init__(self, first: Node, second: Node) -> None:
        self._first, self._second = first, second
        self._gradient: Array | None = None
        self.value: Array = np.logaddexp(first.value, second.value)
        self._share: Array = np.exp(first.value - self.value)

    def gradient(self) -> Array:
        """Both gradients, each by its share of the sum."""
        if self._gradient is None:
            second = self._second.gradient()
            self._gradient = second + self._share[..., None] * (self._first.gradient() - second)
        return self._gradient

    def contract(self, c: Array) -> Array:
        """Both curvatures by their shares, and share · (1 − share) · the square of the gradients' difference."""
        inner, outer = c * self._share, c - c * self._share
        apart = self._first.gradient() - self._second.gradient()
        both = self._first.contract(inner) + self._second.contract(outer)
        contracted: Array = both + weighted_gram(apart, outer * self._share)
        return contracted


class Scaled:
    """θ[index] · child: the log of a power whose exponent is a parameter."""

    __slots__ = ("_child", "_factor", "_index", "value")

    def __init__(self, theta: Array, index: int, child: Node) -> None:
        self._child, self._index = child, index
        self._factor: Array = theta[:, index, None]
        self.value: Array = self._factor * child.value

    def gradient(self) -> Array:
        """By the product rule."""
        gradient = self._factor[..., None] * self._child.gradient()
        gradient[..., self._index] += self._child.value
        return gradient

    def contract(self, c: Array) -> Array:
        """The child's own curvature, and the mixed one between factor and child."""
        mixed = (c[:, None, :] @ self._child.gradient())[:, 0, :]
        total = np.zeros((c.shape[0], mixed.shape[-1], mixed.shape[-1])) + self._child.contract(c * self._factor)
        total[:, self._index, :] += mixed
        total[:, :, self._index] += mixed
        return total
