"""The minima of isoFLOP curves read in several ways, a power law of C through each, and which way to believe.

Every curve is read as observed and with its noise drawn afresh, the same draws for every way, so that the ways'
difference can be told from noise. It knows curves and power laws, not what they are reported as.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalelab.laws.runs import Array
from scalelab.laws.use.levels import Curve
from scalelab.laws.use.minima import Locate, akima, polynomial

METHODS: dict[str, Locate] = {"parabola": polynomial(5, 2), "cubic": polynomial(7, 3), "akima": akima}
"""From the smoothest to the one that follows any shape; that one is what the others' bias is told by."""
FEWEST_LEVELS = 3
REDRAWS = 200
"""Copies of each curve with fresh noise: enough for a standard error within 5 %."""
SURE = 0.5
"""A level is refused where fewer of its redrawn curves than this have their minimum inside."""
STEP_SHARE = 0.1
"""No minimum is known better than this share of the step between neighbouring sizes, however smooth its curve."""
CONTRADICTS = 2.0
"""Standard errors by which two ways to read the minima must differ before the smoother one is called biased."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reading:
    """The minima of all curves by one method; row 0 as observed, the others redrawn. NaN where there is none."""

    log_n: Array
    log_loss: Array
    log_d: Array
    se: Array
    """Of ln N*, one a curve; NaN where the curve is refused."""
    reason: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slopes:
    """Power laws through the minima of one method."""

    which: npt.NDArray[np.intp]
    """Indices of the curves used."""
    weights: Array
    a: float
    se: float
    """Of a, by the weights: noise and the scatter about the line."""
    redrawn: Array
    """a of each redrawn set of curves."""


def read(curves: list[Curve], locate: Locate, noise: float, seed: int) -> Reading:
    """The minima of all curves by one way to locate them; a curve without one keeps its reason."""
    rng = np.random.default_rng(seed)  # the same draws for every method: their differences are then noise-free
    shape = (REDRAWS + 1, len(curves))
    log_n, log_loss, log_d = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    se, reasons = np.full(len(curves), np.nan), []
    for i, each in enumerate(curves):
        draws = rng.standard_normal((REDRAWS + 1, len(each.log_n)))
        draws[0] = 0.0
        if each.refused:
            reasons.append(each.refused)
            continue
        log_n[:, i], log_loss[:, i] = locate(each.log_n, each.log_loss + noise * draws)
        reasons.append(_refusal(each, log_n[:, i]))
        if reasons[-1]:
            log_n[:, i] = np.nan
            continue
        log_d[:, i] = np.interp(log_n[:, i], each.log_n, each.log_d)
        step = float(np.diff(each.log_n).mean())
        se[i] = max(float(np.nanstd(log_n[1:, i])), STEP_SHARE * step)
    return Reading(log_n=log_n, log_loss=log_loss, log_d=log_d, se=se, reason=tuple(reasons))


def _refusal(curve: Curve, log_n: Array) -> str:
    """Why this curve has no minimum to use; empty where it has one."""
    lowest = int(curve.log_loss.argmin())
    if lowest in (0, len(curve.log_n) - 1):
        side = "smallest" if lowest == 0 else "largest"
        return f"the loss is lowest at the {side} N sampled: the minimum is not known to be inside"
    if not np.isfinite(log_n[0]):
        return "the curve through its lowest points does not open upward inside them"
    if np.isfinite(log_n[1:]).mean() < SURE:
        return "noise alone moves its minimum out of the sampled N"
    return ""


def slopes_of(curves: list[Curve], reading: Reading) -> Slopes | None:
    """N* against C by weighted least squares; the levels' weights hold their noise and the scatter between them."""
    which = np.flatnonzero(np.isfinite(reading.se))
    if len(which) < FEWEST_LEVELS:
        return None
    x = np.log([curves[i].flops for i in which])
    y = reading.log_n[:, which]
    weights = _weights(x, y[0], reading.se[which])
    spread = x - np.average(x, weights=weights)
    lever = weights * spread / float(weights @ spread**2)
    redrawn = np.where(np.isfinite(y), y, y[0]) @ lever
    se = float(np.sqrt(1.0 / (weights @ spread**2)))
    return Slopes(which=which, weights=weights, a=float(redrawn[0]), se=se, redrawn=redrawn[1:])


def _weights(x: Array, y: Array, se: Array) -> Array:
    """1/(noise² + τ²), τ² the scatter about the line beyond noise, by moments (DerSimonian and Laird 1986)."""
    weights = 1.0 / se**2
    basis = np.stack([np.ones_like(x), x - x.mean()], axis=1)
    inner = np.linalg.inv(basis.T @ (weights[:, None] * basis))
    residual = y - basis @ (inner @ (basis.T @ (weights * y)))
    excess = float(weights @ residual**2) - (len(x) - 2)
    share = weights.sum() - np.trace(inner @ (basis.T @ (weights[:, None] ** 2 * basis)))
    return np.asarray(1.0 / (se**2 + max(excess / share, 0.0)))


def choose(slopes: dict[str, Slopes]) -> tuple[str, float]:
    """The smoothest method that no more flexible one contradicts beyond noise (Lepski's rule), and what is left.

    What is left: the difference of its exponent from the most flexible method's that noise does not account for.
    """
    names = list(slopes)
    for i, name in enumerate(names):
        others = [_apart(slopes[name], slopes[other]) for other in names[i + 1 :]]
        if all(abs(difference) <= CONTRADICTS * noise for difference, noise in others):
            difference, noise = others[-1] if others else (0.0, 0.0)
            return name, float(np.sqrt(max(difference**2 - noise**2, 0.0)))
    raise AssertionError("unreachable: the last method has none to contradict it")


def _apart(one: Slopes, other: Slopes) -> tuple[float, float]:
    """The difference of two methods' exponents, and how much of it noise makes."""
    return one.a - other.a, float(np.std(one.redrawn - other.redrawn))
