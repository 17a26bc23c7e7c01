"""What is minimised, Σ_i w_i huber(target_i − ln L_i(θ)), and how it looks about a θ: slope, curvature, its bending.

Knows nodes and terms, not laws; of many θ at once, each perhaps with weights, a δ and bounds of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from scalelab.laws.fitting.objective import huber
from scalelab.laws.forms.nodes import Node, weighted_gram
from scalelab.laws.forms.summed import Summed, Terms
from scalelab.laws.runs import Array

AT_ONCE = 4_000_000
"""Residuals held at a time, some 100 MB with what they need."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """What is minimised."""

    build: Callable[[Array], Node] | None = None
    """θ (S, p) → ln L at n runs; needed without `terms`."""
    terms: Terms | None = None
    """The law as terms, where each row of θ may have its own."""
    target: Array
    """(n,): ln of the observed losses."""
    weight: Array
    """(n,) or (S, n)."""
    delta: float | Array
    """Of all rows, or (S, 1) of each."""
    lower: Array
    """(p,) or (S, p)."""
    upper: Array
    parts: tuple[Problem, ...] = ()
    """The same in pieces of rows whose objectives add up, for tables that are too large to be looked at at once."""

    def node(self, theta: Array) -> Node:
        """Ln L with its derivatives at θ (S, p)."""
        if self.terms is not None:
            return Summed(theta, self.terms)
        assert self.build is not None
        return self.build(theta)

    def log_loss(self, theta: Array) -> Array:
        """Ln L alone at several θ of each row: (S, T, p) → (S, T, n)."""
        if self.terms is not None:
            return self.terms.log_loss(theta)
        s, t, p = theta.shape
        return self.node(theta.reshape(s * t, p)).value.reshape(s, t, -1)

    def objective(self, theta: Array) -> Array:
        """The objective at each θ: (S, p) → (S,)."""
        if self.parts:
            return summed(part.objective(theta) for part in self.parts)
        return self.of_residuals(self.target - self.log_loss(theta[:, None])[:, 0])

    def of_residuals(self, residuals: Array) -> Array:
        """The objective of residuals (S, n)."""
        total: Array = (self.weight * huber(residuals, self.delta)).sum(axis=-1)
        return total

    def take(self, index: npt.NDArray[np.intp]) -> Self:
        """Some of the rows of θ; only of a problem whose law is given as terms."""
        assert self.terms is not None
        own = {
            name: column[index]
            for name in ("weight", "delta", "lower", "upper")
            if np.ndim(column := getattr(self, name)) == 2
        }
        parts = tuple(part.take(index) for part in self.parts)
        return replace(self, terms=self.terms.take(index), parts=parts, **own)


def objectives(problem: Problem, trials: Array) -> Array:
    """Objectives of trials (S, T, p): (S, T). One evaluation, since small problems pay by the call."""
    s, t, _ = trials.shape
    if t > 1 and s * t * len(problem.target) > AT_ONCE:
        return np.concatenate([objectives(problem, trials[:, i : i + 1]) for i in range(t)], axis=1)
    residuals = problem.log_loss(trials)
    residuals -= problem.target
    delta = problem.delta if np.ndim(problem.delta) == 0 else problem.delta[:, None]  # type: ignore[index]
    lost = huber(residuals, delta)
    if problem.weight.ndim == 1:
        return lost @ problem.weight
    values: Array = (lost @ problem.weight[:, :, None])[..., 0]
    return values


def summed(parts: Iterator[Array]) -> Array:
    """The sum; the only one itself."""
    total = next(parts)
    for part in parts:
        total = total + part
    return total


class Local(NamedTuple):
    """An objective about θ, as sums over runs."""

    objective: Array
    """(S,)."""
    slope: Array
    """(S, p)."""
    majorant: Array
    """(S, p, p): reweighted least squares' matrix."""
    hessian: Array
    """(S, p, p)."""


class Pieces:
    """A problem at θ, as sums over its runs; a problem of many parts is evaluated part by part and keeps none."""

    __slots__ = ("_kept", "_parts", "theta")

    def __init__(self, problem: Problem, theta: Array) -> None:
        self._parts, self.theta = problem.parts or (problem,), theta
        self._kept = _Piece(problem, theta) if not problem.parts else None

    def _each(self) -> Iterator[_Piece]:
        return iter([self._kept]) if self._kept else (_Piece(part, self.theta) for part in self._parts)

    def local(self) -> Local:
        """The objective about θ."""
        first, *others = (piece.local() for piece in self._each())
        for other in others:
            first = Local(*(mine + more for mine, more in zip(first, other, strict=True)))
        return first

    def along(self, straight: Array, probe: Array) -> tuple[Array, Array, Array]:
        """How ln L bends along a direction: its pull on θ (S, p), the squares of first and second derivative (S,)."""
        first, *others = (piece.along(straight, probe) for piece in self._each())
        for other in others:
            first = tuple(mine + more for mine, more in zip(first, other, strict=True))  # type: ignore[assignment]
        return first


class _Piece:
    """Some runs of a problem at θ."""

    __slots__ = ("_gradient", "_node", "_problem", "_pull", "_residuals", "_theta")

    def __init__(self, problem: Problem, theta: Array) -> None:
        self._problem, self._theta = problem, theta
        self._node = problem.node(theta)
        self._residuals = problem.target - self._node.value
        self._gradient = self._node.gradient()
        self._pull: Array = problem.weight * np.minimum(1.0, problem.delta / (np.abs(self._residuals) + 1e-300))

    def local(self) -> Local:
        problem, gradient = self._problem, self._gradient
        psi = self._pull * self._residuals
        majorant = weighted_gram(gradient, self._pull)
        inside = problem.weight * (np.abs(self._residuals) <= problem.delta)
        hessian = weighted_gram(gradient, inside) - self._node.contract(psi)
        return Local(problem.of_residuals(self._residuals), -_back(psi, gradient), majorant, hessian)

    def along(self, straight: Array, probe: Array) -> tuple[Array, Array, Array]:
        ahead = self._problem.log_loss((self._theta + probe * straight)[:, None])[:, 0]
        first = (self._gradient @ straight[..., None])[..., 0]
        second = 2.0 / probe**2 * (ahead - self._node.value - probe * first)
        pulled = self._pull * second
        return _back(pulled, self._gradient), (self._pull * first**2).sum(axis=1), (pulled * second).sum(axis=1)


def _back(column: Array, gradient: Array) -> Array:
    """Σ_i column_i gradient_i: (S, n) and (S or 1, n, p) → (S, p)."""
    product: Array = (column[:, None, :] @ gradient)[:, 0, :]
    return product
