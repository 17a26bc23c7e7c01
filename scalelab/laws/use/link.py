"""Accuracy from loss: a sigmoid fitted to runs whose loss and accuracy are both known, monotone, with its interval.

    accuracy = floor + (ceiling − floor) · σ(k (L0 − loss)),  k > 0

The record evaluates with numpy; scipy is loaded when a link is fitted. It knows two columns, not whose accuracy it is:
next tokens now, a task's score otherwise (Grattafiori et al. 2024, arXiv 2407.21783, section 3.2.1, predict it so).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.fits import Prediction
from scalelab.laws.runs import Array
from scalelab.laws.use.measures import Measured

FEWEST = 5
SPARE = 3
"""Points that must be left beyond the numbers that are fitted."""
FALLING = -0.5
"""Rank correlation of accuracy and loss above which there is no link to fit."""
HUBER = 1.345
NORMAL = 1.4826
STEEPEST = 1e3
"""Of k; a step is no link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A fitted sigmoid from loss to accuracy."""

    k: float
    """Steepness, per nat."""
    middle: float
    """L0, the loss half-way between floor and ceiling."""
    floor: float
    ceiling: float
    fitted: tuple[str, ...]
    """Which of the four numbers were fitted; the others were given."""
    covariance: tuple[tuple[float, ...], ...]
    """Of the fitted numbers, in their order."""
    sigma: float
    """Scatter of accuracy about the sigmoid."""
    t_quantile: float
    level: float
    n_points: int
    loss_range: tuple[float, float]
    """Smallest and largest loss among the points."""

    def accuracy(self, loss: npt.ArrayLike) -> Array:
        """The sigmoid at a loss of any shape; falls as loss rises."""
        found: Array = self.floor + (self.ceiling - self.floor) * _sigmoid(self.k * (self.middle - np.asarray(loss)))
        return found

    def se(self, loss: npt.ArrayLike) -> Array:
        """Standard error of one run's accuracy at a known loss: of the sigmoid, and the scatter about it."""
        slopes = _gradient(_theta(self), np.atleast_1d(np.asarray(loss, dtype=float)))
        slopes = slopes[:, [_NAMES.index(name) for name in self.fitted]]
        variance = np.einsum("mi,ij,mj->m", slopes, np.array(self.covariance), slopes)
        found: Array = np.sqrt(np.maximum(variance, 0.0) + self.sigma**2).reshape(np.shape(loss))
        return found

    def predict(self, found: Prediction) -> Measured:
        """The accuracy of a predicted loss; the loss's interval and the link's own add as squares."""
        middle, worst, best = (float(self.accuracy(at)) for at in (found.loss, found.high, found.low))
        own = self.t_quantile * float(self.se(found.loss))
        low = middle - float(np.hypot(middle - worst, own))
        high = middle + float(np.hypot(best - middle, own))
        return Measured(name="accuracy", value=middle, low=max(low, 0.0), high=min(high, 1.0))

    def far(self, loss: float) -> bool:
        """Whether a loss is further outside the points' own than half their range: the sigmoid is then a guess."""
        low, high = self.loss_range
        return not low - (high - low) / 2 <= loss <= high + (high - low) / 2

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        parts: dict[str, Any] = dict(values)
        parts["fitted"], parts["loss_range"] = tuple(values["fitted"]), tuple(values["loss_range"])
        parts["covariance"] = tuple(tuple(row) for row in values["covariance"])
        return cls(**parts)


_NAMES = ("k", "middle", "floor", "ceiling")


def fit_link(
    loss: Sequence[float] | Array,
    accuracy: Sequence[float] | Array,
    *,
    floor: float | None = 0.0,
    ceiling: float | None = 1.0,
    level: float = 0.95,
) -> Link:
    """The sigmoid from loss to accuracy, by Huber's loss with its width from the scatter.

    Parameters
    ----------
    loss : (n,) array
        Nats a token.
    accuracy : (n,) array
        Shares between 0 and 1, of the same runs.
    floor : float or None
        Chance: 0 for next tokens, 0.25 for four choices. None fits it.
    ceiling : float or None
        The best that can be reached. None fits it.
    level : float
        Of the intervals, by Student's t.

    Raises
    ------
    BadInput
        Fewer than five points, or than three beyond the numbers fitted; accuracies that are no shares; one loss for
        all; accuracy that does not fall as loss rises.
    """
    x, y = np.asarray(loss, dtype=float), np.asarray(accuracy, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"loss has shape {x.shape}, accuracy {y.shape}")
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    fitted = tuple(name for name, given in zip(_NAMES, (None, None, floor, ceiling), strict=True) if given is None)
    _check(x, y, max(FEWEST, len(fitted) + SPARE), floor, ceiling)
    return _solve(x, y, fitted, floor, ceiling, level)


def _check(x: Array, y: Array, needed: int, floor: float | None, ceiling: float | None) -> None:
    if len(x) < needed:
        raise BadInput(f"{len(x)} points of loss and accuracy", allowed=f"{needed} or more")
    if (y < 0).any() or (y > 1).any():
        raise BadInput(f"an accuracy of {y[(y < 0) | (y > 1)][0]:g}", allowed="shares between 0 and 1")
    if not 0 <= (floor or 0.0) < (1.0 if ceiling is None else ceiling) <= 1:
        raise BadInput(f"floor {floor} and ceiling {ceiling}", allowed="0 <= floor < ceiling <= 1")
    if np.ptp(x) < 1e-9:
        raise BadInput(f"all {len(x)} points have loss {x[0]:.6g}: nothing to link")
    if np.ptp(y) < 1e-12 or (falling := _rank_correlation(x, y)) > FALLING:
        told = "the same everywhere" if np.ptp(y) < 1e-12 else f"rank correlation {falling:+.2f}"
        raise BadInput(f"accuracy does not fall as loss rises ({told}): no link")


def _rank_correlation(x: Array, y: Array) -> float:
    by_x, by_y = (np.argsort(np.argsort(column)) - (len(column) - 1) / 2 for column in (x, y))
    return float(by_x @ by_y / (by_x @ by_x))


def _solve(
    x: Array, y: Array, fitted: tuple[str, ...], floor: float | None, ceiling: float | None, level: float
) -> Link:
    from scipy.optimize import least_squares
    from scipy.special import stdtrit

    free = [_NAMES.index(name) for name in fitted]
    theta = _start(x, y, floor, ceiling)

    def whole(part: Array) -> Array:
        found = theta.copy()
        found[free] = part
        return found

    low, high = np.array([1e-6, -1e3, 0.0, 0.0])[free], np.array([STEEPEST, 1e3, 1.0, 1.0])[free]
    part, scale = np.clip(theta[free], low + 1e-9, high - 1e-9), 0.0
    for loss in ("linear", "huber", "huber"):  # the width of Huber's loss is that of the last scatter
        solved = least_squares(
            lambda part: _sigmoid_of(whole(part), x) - y, part, jac=lambda part: _gradient(whole(part), x)[:, free],
            bounds=(low, high), loss=loss, f_scale=max(HUBER * scale, 1e-9), x_scale="jac",
        )  # fmt: skip
        part, residual = solved.x, _sigmoid_of(whole(solved.x), x) - y
        scale = NORMAL * float(np.median(np.abs(residual)))
    inside = np.abs(residual) <= max(HUBER * scale, 1e-9)
    dof = len(x) - len(free)
    # Huber's proposal: winsorised residuals over the share of points that the loss treats as squares.
    clipped = np.clip(residual, -max(HUBER * scale, 1e-9), max(HUBER * scale, 1e-9))
    sigma = float(np.sqrt(clipped @ clipped / dof)) / max(float(inside.mean()), 0.5)
    slopes = _gradient(whole(part), x)[:, free]
    covariance = sigma**2 * np.linalg.pinv(slopes.T @ slopes)
    k, middle, bottom, top = (float(value) for value in whole(part))
    if k < 2e-6 or top <= bottom:
        raise BadInput("accuracy does not fall as loss rises: no link")
    return Link(
        k=k, middle=middle, floor=bottom, ceiling=top, fitted=fitted,
        covariance=tuple(tuple(float(value) for value in row) for row in covariance), sigma=sigma,
        t_quantile=float(stdtrit(dof, 0.5 + level / 2)), level=level, n_points=len(x),
        loss_range=(float(x.min()), float(x.max())),
    )  # fmt: skip


def _start(x: Array, y: Array, floor: float | None, ceiling: float | None) -> Array:
    """From a straight line through the logits."""
    low = floor if floor is not None else max(float(y.min()) - 0.05, 0.0)
    high = ceiling if ceiling is not None else min(float(y.max()) + 0.1, 1.0)
    share = np.clip((y - low) / (high - low), 0.01, 0.99)
    slope, offset = np.polyfit(x, np.log(share / (1 - share)), 1)
    k = max(-float(slope), 0.05)
    return np.array([k, float(x.mean()) if slope >= 0 else float(offset) / k, low, high])


def _theta(link: Link) -> Array:
    return np.array([link.k, link.middle, link.floor, link.ceiling])


def _sigmoid(x: Array) -> Array:
    found: Array = 0.5 * (1.0 + np.tanh(0.5 * x))
    return found


def _sigmoid_of(theta: Array, x: Array) -> Array:
    k, middle, low, high = theta
    return np.asarray(low + (high - low) * _sigmoid(k * (middle - x)))


def _gradient(theta: Array, x: Array) -> Array:
    """By k, middle, floor, ceiling: (m, 4)."""
    k, middle, low, high = theta
    s = _sigmoid(k * (middle - x))
    steep = (high - low) * s * (1 - s)
    return np.stack([steep * (middle - x), steep * k, 1 - s, s], axis=1)
