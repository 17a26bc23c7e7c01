"""The small algebra that laws are written in: affine terms, their sum, a power of it, a floor; derivatives come along.

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


class Over:
    """ln(E + exp(above)) with E = θ[index] itself: a law over a floor.

    E and not its logarithm is the parameter, because L is linear in it: a floor that vanishes is then reached in one
    step, where its logarithm would wander off for ever.
    """

    __slots__ = ("_above", "_gradient", "_index", "_share", "value")

    def __init__(self, theta: Array, index: int, above: Node) -> None:
        self._above, self._index = above, index
        self._gradient: Array | None = None
        self.value: Array = np.logaddexp(np.log(theta[:, index, None]), above.value)
        self._share: Array = np.exp(above.value - self.value)

    def gradient(self) -> Array:
        """1/L for E, and the rest's gradient by its share of L."""
        if self._gradient is None:
            gradient = self._share[..., None] * self._above.gradient()
            gradient[..., self._index] += np.exp(-self.value)
            self._gradient = gradient
        return self._gradient

    def contract(self, c: Array) -> Array:
        """Share · (∇²f + ∇f ∇fᵀ) − ∇F ∇Fᵀ, contracted; E itself bends nothing."""
        shared = c * self._share
        own: Array = weighted_gram(self._above.gradient(), shared) - weighted_gram(self.gradient(), c)
        return own + self._above.contract(shared)


class Term:
    """θ[coefficient] − θ[exponent] · x: the log of A/X^α for an X that itself depends on θ."""

    __slots__ = ("_coefficient", "_exponent", "_power", "_x", "value")

    def __init__(self, theta: Array, coefficient: int, exponent: int, x: Node) -> None:
        self._coefficient, self._exponent, self._x = coefficient, exponent, x
        self._power: Array = theta[:, exponent, None]
        self.value: Array = theta[:, coefficient, None] - self._power * x.value

    def gradient(self) -> Array:
        """One for the coefficient, −x for the exponent, and x's own."""
        gradient = -self._power[..., None] * self._x.gradient()
        gradient[..., self._coefficient] += 1.0
        gradient[..., self._exponent] -= self._x.value
        return gradient

    def contract(self, c: Array) -> Array:
        """X's curvature, and the mixed one between exponent and x."""
        mixed = (c[:, None, :] @ self._x.gradient())[:, 0, :]
        p = mixed.shape[-1]
        total = np.zeros((c.shape[0], p, p)) - self._x.contract(c * self._power)
        total[:, self._exponent, :] -= mixed
        total[:, :, self._exponent] -= mixed
        return total


class LogSum:
    """ln Σ exp(child) over any nodes."""

    __slots__ = ("_children", "_gradients", "_shares", "value")

    def __init__(self, children: list[Node]) -> None:
        self._children = children
        values = np.stack([child.value for child in children])
        top = values.max(axis=0)
        parts = np.exp(values - top)
        total = parts.sum(axis=0)
        self._shares: Array = parts / total
        self._gradients: list[Array] | None = None
        self.value: Array = top + np.log(total)

    def gradient(self) -> Array:
        """The children's, each by its share of the sum."""
        if self._gradients is None:
            self._gradients = [child.gradient() for child in self._children]
        weighted = [share[..., None] * own for share, own in zip(self._shares, self._gradients, strict=True)]
        total: Array = np.sum(weighted, axis=0)
        return total

    def contract(self, c: Array) -> Array:
        """Σ share · (∇²f + ∇f ∇fᵀ) − ∇F ∇Fᵀ, contracted."""
        total: Array = -weighted_gram(self.gradient(), c)
        assert self._gradients is not None
        for child, share, own in zip(self._children, self._shares, self._gradients, strict=True):
            total = total + weighted_gram(own, c * share) + child.contract(c * share)
        return total
