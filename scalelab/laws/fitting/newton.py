"""Damped Newton for robust fits: many starts at once, exact Hessians, bounds, no tuning by the caller.

Minimises Σ_i w_i huber(target_i − f_i(θ)). Two directions are tried in a few lengths and the best point is taken: the
exact Hessian's, which ends the search quadratically; and the reweighted least-squares one bent by the second
derivative along it (geodesic acceleration, Transtrum and Sethna 2012, arXiv 1201.5885), which follows the curved flat
valleys of laws with a floor: 10 steps where the straight one needs 40. Neither depends on how parameters are scaled or
centred. Knows nodes, not laws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from scalelab.laws.fitting.objective import huber
from scalelab.laws.forms.nodes import Node, weighted_gram
from scalelab.laws.forms.summed import Summed, Terms
from scalelab.laws.runs import Array, Mask

BENT_LENGTHS = np.array([1.0, 0.5, 0.25, 0.1])
"""Shares of the bent direction that are tried."""
TURNS = np.array([2.0, 0.5, 0.1])
"""Others that are tried, as shares of the length at which the path has turned as far as it went."""
STRAIGHT = 2
"""Trials in Newton's direction, before the bent ones."""
SHORT = 0.3
"""Share of Newton's direction that is tried beside the whole."""
PROBE = 0.1
"""Share of the direction over which its second derivative is taken."""
QUADRATIC = 1e-8
"""Relative gain of a whole Newton step after which no further step is worth its time."""
GRACE = 3
"""Iterations that stragglers get after the best start has arrived: one lost in a flat valley must not cost the time."""
ROUNDING = 1e-22
"""Decrease of the objective that is rounding, whatever the objective: exact data end here."""
RIDGE = 1e-10
"""Added to the scaled matrix, whose diagonal is one: keeps it solvable where runs leave a direction free."""
AT_ONCE = 4_000_000
"""Residuals held at a time, some 100 MB with what they need."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimum:
    """Where S starts ended."""

    theta: Array
    """(S, p)."""
    objective: Array
    """(S,)."""
    converged: Mask
    """(S,): no direction lowers the objective by a relevant amount."""
    steps: npt.NDArray[np.intp]
    """(S,): how many each took."""

    @property
    def iterations(self) -> int:
        """Steps of the longest."""
        return int(self.steps.max())

    def take(self, index: Sequence[int] | npt.NDArray[np.intp]) -> Minimum:
        """Some of the starts."""
        return Minimum(
            theta=self.theta[index], objective=self.objective[index], converged=self.converged[index],
            steps=self.steps[index],
        )  # fmt: skip


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
            return _summed(part.objective(theta) for part in self.parts)
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


def minimise(
    problem: Problem,
    theta: Array,
    *,
    tolerance: float = 1e-11,
    most: int = 40,
    near: bool | Mask = False,
    grace: int | Array = GRACE,
    group: npt.NDArray[np.intp] | None = None,
) -> Minimum:
    """From each start (S, p) to a local minimum.

    `tolerance` is the relative decrease that no longer counts; `near` says that the starts are close to their minima,
    so that plain Newton steps are tried first. Starts of one `group`, a number for each in ascending order, seek the
    same minimum: `grace`, of all groups or of each, is how many steps the others get after the best of them arrived.
    """
    search = _Search(problem, theta, near, group)
    iteration = 0
    with np.errstate(all="ignore"):  # trial points may lie where no loss is a number; they are not taken
        while iteration < most and len(search.active):
            search.advance(tolerance, grace)
            iteration += 1
    return Minimum(theta=search.theta, objective=search.best, converged=search.still, steps=search.steps)


def remaining(problem: Problem, theta: Array) -> Array:
    """What one step of reweighted least squares would still gain at each θ (S, p), as a share of the objective: (S,).

    That step lowers a sum of Huber losses by at least ½ gᵀ M⁻¹ g where ln L is straight, so that this is the slope in
    the objective's own scale; slopes that push against a bound do not count.
    """
    with np.errstate(all="ignore"):
        before, slope, majorant, _ = _Pieces(problem, theta).local()
        low, high = theta <= problem.lower, theta >= problem.upper
        held = (low & ((slope > 0) | high)) | (high & (slope < 0))
        step = _solved(majorant, _unit(majorant) * ~held, slope)
        gain: Array = -0.5 * (slope * step).sum(axis=1) / (before + ROUNDING)
    return np.where(np.isfinite(gain), gain, np.inf)


class _Search:
    """All starts, and which of them still move."""

    __slots__ = (
        "_bent", "_first", "_group", "_part", "_problem", "_waited", "active", "best", "steps", "still", "theta",
    )  # fmt: skip

    def __init__(self, problem: Problem, theta: Array, near: bool | Mask, group: npt.NDArray[np.intp] | None) -> None:
        s = len(theta)
        self._problem = self._part = problem
        self.theta: Array = np.minimum(np.maximum(theta, problem.lower), problem.upper)
        self.best, self.still = np.full(s, np.inf), np.zeros(s, dtype=bool)
        self._bent: Mask = np.broadcast_to(np.logical_not(near), s).copy()
        self._group = np.zeros(s, dtype=np.intp) if group is None else group
        self._first = np.flatnonzero(np.diff(self._group, prepend=-1))
        self._waited = np.zeros(len(self._first), dtype=np.intp)
        self.active, self.steps = np.arange(s), np.zeros(s, dtype=np.intp)

    def advance(self, tolerance: float, grace: int | Array) -> None:
        """One step of all that move; then those that arrived rest, and those that the best leaves behind."""
        rows, bent = self.active, self._bent[self.active]
        step = _step(self._part, self.theta[rows], bent)
        gain, whole = step.before - step.after, step.chosen == 0
        better = gain > 0
        self.theta[rows[better]] = step.theta[better]
        best = np.where(better, step.after, step.before)
        # what a whole step gained otherwise than foreseen is more than the next one can gain
        doubt = np.where(whole, np.minimum(gain, np.abs(gain - step.foreseen)), gain)
        still = doubt <= np.where(whole, max(tolerance, QUADRATIC), tolerance) * step.before + ROUNDING
        self.best[rows], self.steps[rows] = best, self.steps[rows] + 1
        self.still[rows] = still & (whole | bent)  # Newton's step alone may fail where the bent one would not
        self._bent[rows] = ~whole
        self._narrow(grace)

    def _narrow(self, grace: int | Array) -> None:
        """Leave out what need not move on; a problem whose rows cannot be taken apart moves as a whole."""
        lowest = np.minimum.reduceat(self.best, self._first)
        self._waited += np.logical_or.reduceat(self.still & (self.best <= lowest[self._group]), self._first)
        moves = ~(self.still | (self._waited > grace)[self._group])
        if self._problem.terms is None:
            self.active = self.active if moves.any() else self.active[:0]
        elif not moves[self.active].all():
            self.active = np.flatnonzero(moves)
            self._part = self._problem.take(self.active)


class _Step(NamedTuple):
    """Where each start goes, the objective before and after, which trial it was (0: Newton's whole step)."""

    theta: Array
    before: Array
    after: Array
    chosen: npt.NDArray[np.intp]
    foreseen: Array
    """What the whole step would gain of a quadratic objective."""


def _step(problem: Problem, theta: Array, bent: Mask) -> _Step:
    """The best of several trial points for each start."""
    pieces = _Pieces(problem, theta)
    before, slope, majorant, hessian = pieces.local()
    before = np.where(np.isfinite(before), before, np.inf)
    moves, foreseen = _moves(problem, pieces, slope, majorant, hessian, bool(bent.any()))
    moves += theta[:, None, :]
    np.maximum(moves, problem.lower if problem.lower.ndim == 1 else problem.lower[:, None], out=moves)
    np.minimum(moves, problem.upper if problem.upper.ndim == 1 else problem.upper[:, None], out=moves)
    values = _summed(_at(part, moves) for part in problem.parts or (problem,))
    values[~np.isfinite(values)] = np.inf
    values[~bent, STRAIGHT:] = np.inf
    chosen = values.argmin(axis=1)
    rows = np.arange(len(theta))
    return _Step(moves[rows, chosen], before, values[rows, chosen], chosen, foreseen)


def _at(problem: Problem, trials: Array) -> Array:
    """Objectives of trials (S, T, p): (S, T). One evaluation, since small problems pay by the call."""
    s, t, _ = trials.shape
    if t > 1 and s * t * len(problem.target) > AT_ONCE:
        return np.concatenate([_at(problem, trials[:, i : i + 1]) for i in range(t)], axis=1)
    residuals = problem.log_loss(trials)
    residuals -= problem.target
    delta = problem.delta if np.ndim(problem.delta) == 0 else problem.delta[:, None]  # type: ignore[index]
    lost = huber(residuals, delta)
    if problem.weight.ndim == 1:
        return lost @ problem.weight
    values: Array = (lost @ problem.weight[:, :, None])[..., 0]
    return values


def _summed(parts: Iterator[Array]) -> Array:
    """The sum; the only one itself."""
    total = next(parts)
    for part in parts:
        total = total + part
    return total


class _Pieces:
    """A problem at θ, as sums over its runs; a problem of many parts is evaluated part by part and keeps none."""

    __slots__ = ("_kept", "_parts", "theta")

    def __init__(self, problem: Problem, theta: Array) -> None:
        self._parts, self.theta = problem.parts or (problem,), theta
        self._kept = _Piece(problem, theta) if not problem.parts else None

    def _each(self) -> Iterator[_Piece]:
        return iter([self._kept]) if self._kept else (_Piece(part, self.theta) for part in self._parts)

    def local(self) -> tuple[Array, Array, Array, Array]:
        """Objective (S,), slope (S, p), reweighted least squares' matrix and the exact Hessian (S, p, p)."""
        first, *others = (piece.local() for piece in self._each())
        for other in others:
            first = tuple(mine + more for mine, more in zip(first, other, strict=True))  # type: ignore[assignment]
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

    def local(self) -> tuple[Array, Array, Array, Array]:
        problem, gradient = self._problem, self._gradient
        psi = self._pull * self._residuals
        majorant = weighted_gram(gradient, self._pull)
        inside = problem.weight * (np.abs(self._residuals) <= problem.delta)
        hessian = weighted_gram(gradient, inside) - self._node.contract(psi)
        return problem.of_residuals(self._residuals), -_back(psi, gradient), majorant, hessian

    def along(self, straight: Array, probe: Array) -> tuple[Array, Array, Array]:
        ahead = self._problem.log_loss((self._theta + probe * straight)[:, None])[:, 0]
        first = (self._gradient @ straight[..., None])[..., 0]
        second = 2.0 / probe**2 * (ahead - self._node.value - probe * first)
        pulled = self._pull * second
        return _back(pulled, self._gradient), (self._pull * first**2).sum(axis=1), (pulled * second).sum(axis=1)


def _moves(
    problem: Problem, pieces: _Pieces, slope: Array, majorant: Array, hessian: Array, bent: bool
) -> tuple[Array, Array]:
    """What to add to each start, (S, T, p): lengths of Newton's direction and, where asked, of the bent one; and what
    the whole Newton step is to gain, (S,).
    """
    theta = pieces.theta
    low, high = theta <= problem.lower, theta >= problem.upper
    held = (low & ((slope > 0) | high)) | (high & (slope < 0))
    unit = _unit(majorant)
    newton, _ = _direction(hessian, unit, slope, low, high, held)
    foreseen = -0.5 * (slope * newton).sum(axis=1)
    reach = _reach(problem, theta, newton)
    moves = newton[:, None] * np.stack([np.ones_like(reach), np.where(reach < 1.0, reach, SHORT)], axis=1)
    if not bent:
        return moves, foreseen
    straight, held = _direction(majorant, unit, slope, low, high, held)
    reach = _reach(problem, theta, straight)
    back, along, across = pieces.along(straight, np.minimum(PROBE, 0.5 * reach))
    bend = _solved(majorant, unit * ~held, back)
    turn = np.sqrt(along / (across + 1e-300))
    lengths = np.concatenate([np.tile(BENT_LENGTHS, (len(theta), 1)), turn[:, None] * TURNS], axis=1)[..., None]
    path = straight[:, None, :] * lengths + 0.5 * bend[:, None, :] * lengths**2
    to_bound = straight * np.minimum(reach, 1.0)
    return np.concatenate([moves, path, to_bound[:, None, :]], axis=1), foreseen


def _direction(matrix: Array, unit: Array, slope: Array, low: Mask, high: Mask, held: Mask) -> tuple[Array, Mask]:
    """−matrix⁻¹ · slope, (S, p), and which parameters it holds.

    A parameter on a bound is held also where its slope would let it go but the step as a whole would push it further
    out: cut off at the bound, such a step moves the others for a value that is not reached, and the search stalls.
    """
    step = _solved(matrix, unit * ~held, slope)
    outward = (low & (step < 0)) | (high & (step > 0))
    if outward.any():
        held = held | outward
        step = _solved(matrix, unit * ~held, slope)
    return step, held


def _reach(problem: Problem, theta: Array, direction: Array) -> Array:
    """How much of a direction lies before its first bound, (S, 1): a step that ends on the bound keeps the others
    in proportion, where one cut off at the bound would leave them for a value that was not reached.
    """
    room = (np.where(direction < 0, problem.lower, problem.upper) - theta) / direction
    room[~(room > 0)] = np.inf
    reach: Array = room.min(axis=1, keepdims=True)
    return reach


def _unit(majorant: Array) -> Array:
    """The scale of each parameter, from the matrix's diagonal: (S, p)."""
    diagonal = np.diagonal(majorant, axis1=-2, axis2=-1)
    floor = 1e-14 * diagonal.max(axis=1, keepdims=True) + 1e-300
    unit: Array = 1.0 / np.sqrt(np.maximum(diagonal, floor))
    return unit


def _solved(matrix: Array, unit: Array, right: Array) -> Array:
    """−matrix⁻¹ · right in the scale `unit`, zero where that is zero; a little is added so that it can be solved."""
    p = unit.shape[1]
    scaled = matrix * (unit[:, :, None] * unit[:, None, :])
    scaled.reshape(-1, p * p)[:, :: p + 1] += (unit == 0) + RIDGE
    step: Array = -np.linalg.solve(scaled, (right * unit)[..., None])[..., 0] * unit
    return step


def _back(column: Array, gradient: Array) -> Array:
    """Σ_i column_i gradient_i: (S, n) and (S or 1, n, p) → (S, p)."""
    product: Array = (column[:, None, :] @ gradient)[:, 0, :]
    return product
