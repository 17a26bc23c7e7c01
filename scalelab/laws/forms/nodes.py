"""The small algebra that laws are written in: affine terms, their log-sum, a power of it; exact derivatives come along.

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


class LogSum:
    """ln Σ_j exp(child_j): the log of a sum of positive terms, safe from overflow."""

    __slots__ = ("_children", "_gradient", "_shares", "value")

    def __init__(self, *children: Node) -> None:
        self._children = children
        self._gradient: Array | None = None
        values = np.stack([child.value for child in children])
        top = values.max(axis=0)
        parts = np.exp(values - top)
        total = parts.sum(axis=0)
        self._shares: Array = parts / total
        self.value: Array = top + np.log(total)

    def gradient(self) -> Array:
        """The children's gradients, each by its share of the sum."""
        if self._gradient is None:
            self._gradient = np.add.reduce(
                [share[..., None] * child.gradient() for share, child in zip(self._shares, self._children, strict=True)]
            )
        return self._gradient

    def contract(self, c: Array) -> Array:
        """Σ_j share_j (∇²f_j + ∇f_j ∇f_jᵀ) − ∇F ∇Fᵀ, contracted."""
        total = -weighted_gram(self.gradient(), c)
        for share, child in zip(self._shares, self._children, strict=True):
            total = total + child.contract(c * share) + weighted_gram(child.gradient(), c * share)
        return total


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
