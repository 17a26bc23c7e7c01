"""Loss while runs train, along tokens, FLOPs, steps or time; a branch goes on from its trunk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache

import numpy as np

from scalelab.figures.axis import Axis, Notation, around
from scalelab.figures.figure import Array, Figure, Mark, Role, Series
from scalelab.records import Point, RunSpec


class Along(StrEnum):
    """What the curves run along."""

    TOKENS = "tokens"
    FLOPS = "flops"
    STEPS = "steps"
    SECONDS = "seconds"


BLOCK = 64
"""Values that are smoothed at once."""
_LABELS = {
    Along.TOKENS: ("training tokens D", Notation.COUNT),
    Along.FLOPS: ("training compute C, FLOPs", Notation.POWER),
    Along.STEPS: ("steps of the optimizer", Notation.COUNT),
    Along.SECONDS: ("seconds of training", Notation.NUMBER),
}


def loss_curves(
    points: Mapping[str, Sequence[Point]],
    specs: Sequence[RunSpec],
    *,
    along: Along = Along.TOKENS,
    log_x: bool = True,
    log_y: bool = True,
    smoothing: float = 0.0,
) -> Figure:
    """Training loss of every run that has points, coloured by rung.

    Parameters
    ----------
    smoothing
        Weight of the past in a moving mean, 0 (none) to below 1; the mean is corrected for its start.
    """
    sizes = sorted({spec.counts.n_params for spec in specs})
    series = []
    for spec in specs:
        own = points.get(spec.run, ())
        if own:
            series.append(Series(
                role=Role.CURVE, mark=Mark.LINE, name=spec.run, label=spec.rung,
                colour=sizes.index(spec.counts.n_params), x=_along(own, spec, along),
                y=smoothed(np.array([point.loss for point in own]), smoothing),
            ))  # fmt: skip
    label, notation = _LABELS[along]
    low_x, high_x = around((x for each in series for x in each.x.tolist()), log=log_x, margin=0.0)
    low_y, high_y = around((y for each in series for y in each.y.tolist()), log=log_y)
    return Figure(
        title="training loss",
        x=Axis(label=label, low=low_x, high=high_x, log=log_x, notation=notation),
        y=Axis(label="loss, nats a token", low=low_y, high=high_y, log=log_y),
        series=tuple(series),
    )


def smoothed(values: Array, weight: float) -> Array:
    """The moving mean with weight `weight` on the past; a NaN stays a gap and does not spread."""
    return MovingMean(weight).of(values)


class MovingMean:
    """The same of values that come bit by bit."""

    def __init__(self, weight: float) -> None:
        self._weight = weight
        self._count, self._sum = 0, 0.0
        """Values so far, and the mean of them and of a zero before each."""

    def of(self, values: Array) -> Array:
        """The means at these values, which come after those that it has had."""
        if self._weight <= 0:
            return values
        known = np.isfinite(values)
        if known.all():
            return self._mean(values)
        out = np.full(len(values), np.nan)
        out[known] = self._mean(values[known])
        return out

    def _mean(self, values: Array) -> Array:
        """Divided by what the weights of the first t values sum to: 1 - weight^t."""
        if not len(values):
            return values
        sums = _sums(self._weight, 1 << (self._count + len(values)).bit_length())
        moving = _moving(values, self._weight, self._sum)
        mean: Array = moving / sums[self._count : self._count + len(values)]
        self._count, self._sum = self._count + len(values), float(moving[-1])
        return mean


@lru_cache(16)
def _sums(weight: float, count: int) -> Array:
    sums: Array = -np.expm1(np.arange(1, count + 1) * math.log(weight))
    return sums


def _moving(values: Array, weight: float, first: float) -> Array:
    """m[t] = weight · m[t - 1] + (1 - weight) · values[t] from m = `first`, in blocks: inside one it is a matrix
    product.
    """
    within, faded = _block(weight)
    blocks = np.zeros((-(-len(values) // BLOCK), BLOCK))
    blocks.ravel()[: len(values)] = values
    means: Array = blocks @ within
    whole, before = float(faded[-1]), [first]
    for last in means[:-1, -1].tolist():
        before.append(last + before[-1] * whole)
    means += np.outer(before, faded)
    return means.ravel()[: len(values)]


@lru_cache(8)
def _block(weight: float) -> tuple[Array, Array]:
    """What each value of a block adds to each mean of it, and what the mean before it leaves in each."""
    ages = np.subtract.outer(np.arange(BLOCK), np.arange(BLOCK)).T
    return np.where(ages >= 0, (1.0 - weight) * weight ** np.maximum(ages, 0), 0.0), weight ** np.arange(1.0, BLOCK + 1)


def _along(points: Sequence[Point], spec: RunSpec, along: Along) -> Array:
    match along:
        case Along.TOKENS:
            return np.array([float(point.n_tokens) for point in points])
        case Along.FLOPS:
            return np.array([point.n_tokens * spec.flops_per_token for point in points])
        case Along.STEPS:
            return np.array([float(point.step) for point in points])
        case Along.SECONDS:
            return np.array([point.seconds for point in points])
