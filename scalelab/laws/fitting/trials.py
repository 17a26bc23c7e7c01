"""Where to look next: trial steps from a θ in a few directions and lengths, of many θ at once.

Two directions serve nearly always: the exact Hessian's, which ends the search quadratically, and the reweighted
least-squares one bent by the second derivative along it (geodesic acceleration, Transtrum and Sethna 2012, arXiv
1201.5885), which follows the curved flat valleys of laws with a floor: 10 steps where the straight one needs 40. Where
both are stuck there are damped ones (Levenberg 1944, Marquardt 1963), and along an outer power a path on which κ times
the other parameters moves evenly: there the valley of laws that run off to κ → ∞ is straight.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from scalelab.laws.fitting.problem import Local, Pieces, Problem
from scalelab.laws.forms.summed import Terms
from scalelab.laws.runs import Array, Mask

BENT_LENGTHS = np.array([1.0, 0.5, 0.25, 0.1])
"""Shares of the bent direction that are tried."""
TURNS = np.array([2.0, 0.5, 0.1])
"""Others that are tried, as shares of the length at which the path has turned as far as it went."""
SHORT = 0.3
"""Share of Newton's direction that is tried beside the whole."""
PROBE = 0.1
"""Share of the direction over which its second derivative is taken."""
EVEN_LENGTHS = np.array([0.5, 1.0, 3.0])
"""Shares of the direction that are tried where κ turns the path."""
LEAST_POWER = 1e-3
"""κ on that path stays above this."""
DAMPING = 10.0 ** np.arange(-6, 5)
"""Added to the matrix whose diagonal is one, where nothing else gains."""
RIDGE = 1e-10
"""Added to the same always: keeps it solvable where runs leave a direction free."""


class Effort(IntEnum):
    """How much is tried."""

    NEWTON = 0
    """Newton's direction."""
    BENT = 1
    """The bent one too."""
    DAMPED = 2
    """All there is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trials:
    """What to add to each start, and what to expect of it."""

    moves: Array
    """(S, T, p)."""
    effort: npt.NDArray[np.intp]
    """(T,): from which effort on each is tried; the first is Newton's whole step."""
    foreseen: Array
    """(S,): what that whole step would gain of a quadratic objective."""
    promised: Array
    """(S,): what a step of reweighted least squares would gain at least if ln L were straight; nan where not asked."""


def trials(problem: Problem, pieces: Pieces, local: Local, effort: int) -> Trials:
    """Trial steps from each θ, of up to so much effort."""
    theta = pieces.theta
    low, high, held = on_bounds(problem, theta, local.slope)
    unit = unit_of(local.majorant)
    newton, _ = _direction(local.hessian, unit, local.slope, low, high, held)
    foreseen = -0.5 * (local.slope * newton).sum(axis=1)
    reach = _reach(problem, theta, newton)
    found = [newton[:, None] * np.stack([np.ones_like(reach), np.where(reach < 1.0, reach, SHORT)], axis=1)]
    promised = np.full(len(theta), np.nan)
    if effort >= Effort.BENT:
        straight, stays = _direction(local.majorant, unit, local.slope, low, high, held)
        promised = -0.5 * (local.slope * straight).sum(axis=1)
        found.append(_bent(problem, pieces, local.majorant, unit, straight, stays))
        if problem.terms is not None and problem.terms.outer is not None:
            found[-1] = np.concatenate([found[-1], _evenly(theta, straight, problem.terms)], axis=1)
    if effort >= Effort.DAMPED:
        found.append(_damped(local, unit, held))
    counts = [each.shape[1] for each in found]
    return Trials(
        moves=np.concatenate(found, axis=1), effort=np.repeat(np.arange(len(found)), counts), foreseen=foreseen,
        promised=promised,
    )  # fmt: skip


def on_bounds(problem: Problem, theta: Array, slope: Array) -> tuple[Mask, Mask, Mask]:
    """Which parameters stand on their lower and upper bound, and which are held there by the slope."""
    low, high = theta <= problem.lower, theta >= problem.upper
    return low, high, (low & ((slope > 0) | high)) | (high & (slope < 0))


def _bent(problem: Problem, pieces: Pieces, majorant: Array, unit: Array, straight: Array, held: Mask) -> Array:
    """Lengths of the least-squares direction, bent by the second derivative along it; and straight to its bound."""
    reach = _reach(problem, pieces.theta, straight)
    back, along, across = pieces.along(straight, np.minimum(PROBE, 0.5 * reach))
    bend = solved(majorant, unit * ~held, back)
    lengths = np.empty((len(straight), len(BENT_LENGTHS) + len(TURNS), 1))
    lengths[:, : len(BENT_LENGTHS), 0] = BENT_LENGTHS
    lengths[:, len(BENT_LENGTHS) :, 0] = np.sqrt(along / (across + 1e-300))[:, None] * TURNS
    path = straight[:, None, :] * lengths + 0.5 * bend[:, None, :] * lengths**2
    return np.concatenate([path, (straight * np.minimum(reach, 1.0))[:, None, :]], axis=1)


def _damped(local: Local, unit: Array, held: Mask) -> Array:
    """Reweighted least squares with ever more damping."""
    steps = [solved(local.majorant, unit * ~held, local.slope, damping) for damping in DAMPING]
    return np.stack(steps, axis=1)


def _evenly(theta: Array, straight: Array, terms: Terms) -> Array:
    """Steps along `straight` on which κ times each other parameter of the terms moves evenly."""
    outer = theta[:, terms.outer, None]
    ahead = np.maximum(outer + EVEN_LENGTHS * straight[:, terms.outer, None], LEAST_POWER)
    found: Array = straight[:, None, :] * EVEN_LENGTHS[:, None] * (outer / ahead)[..., None]
    for index in (terms.floor, terms.outer):
        if index is not None:
            found[..., index] = straight[:, index, None] * EVEN_LENGTHS
    return found


def _direction(matrix: Array, unit: Array, slope: Array, low: Mask, high: Mask, held: Mask) -> tuple[Array, Mask]:
    """−matrix⁻¹ · slope, (S, p), and which parameters it holds.

    A parameter on a bound is held also where its slope would let it go but the step as a whole would push it further
    out: cut off at the bound, such a step moves the others for a value that is not reached, and the search stalls.
    """
    step = solved(matrix, unit * ~held, slope)
    outward = (low & (step < 0)) | (high & (step > 0))
    if outward.any():
        held = held | outward
        step = solved(matrix, unit * ~held, slope)
    return step, held


def _reach(problem: Problem, theta: Array, direction: Array) -> Array:
    """How much of a direction lies before its first bound, (S, 1): a step that ends on the bound keeps the others
    in proportion, where one cut off at the bound would leave them for a value that was not reached.
    """
    room = (np.where(direction < 0, problem.lower, problem.upper) - theta) / direction
    room[~(room > 0)] = np.inf
    reach: Array = room.min(axis=1, keepdims=True)
    return reach


def unit_of(majorant: Array) -> Array:
    """The scale of each parameter, from the matrix's diagonal: (S, p)."""
    diagonal = np.diagonal(majorant, axis1=-2, axis2=-1)
    floor = 1e-14 * diagonal.max(axis=1, keepdims=True) + 1e-300
    unit: Array = 1.0 / np.sqrt(np.maximum(diagonal, floor))
    return unit


def solved(matrix: Array, unit: Array, right: Array, damping: float = RIDGE) -> Array:
    """−matrix⁻¹ · right in the scale `unit`, zero where that is zero; a little is added so that it can be solved."""
    p = unit.shape[1]
    scaled = matrix * (unit[:, :, None] * unit[:, None, :])
    scaled.reshape(-1, p * p)[:, :: p + 1] += (unit == 0) + damping
    step: Array = -np.linalg.solve(scaled, (right * unit)[..., None])[..., 0] * unit
    return step
