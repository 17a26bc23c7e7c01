"""The best N and D for each compute, with bands; and the exponents that say how they grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalelab.figures.axis import Axis, Notation, around, of_names
from scalelab.figures.figure import Array, Figure, Mark, Role, Series

N_COLOUR, D_COLOUR = 5, 6
"""Blue and vermilion: of the palette's pairs the one that is told apart best."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grown:
    """One quantity along compute, with its band where it has one."""

    value: Array
    low: Array | None = None
    high: Array | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """One number with its interval, under the name that stands beside it."""

    name: str
    value: float
    low: float | None
    high: float | None
    colour: int | None = None


def optimal_split(flops: Array, n_params: Grown, n_tokens: Grown, minima: tuple[Array, Array] | None = None) -> Figure:
    """N* and D* against C.

    Parameters
    ----------
    flops : array (m,)
        C, rising.
    n_params, n_tokens
        N* and D* there, shape (m,) each.
    minima : (C, N) arrays, optional
        Minima of the runs' own isoFLOP levels, to see the law beside what was measured.
    """
    lines = [
        _line("D*", "best D, tokens", flops, n_tokens, D_COLOUR),
        _line("N*", "best N, parameters", flops, n_params, N_COLOUR),
    ]
    if minima is not None and len(minima[0]):
        lines.append(Series(role=Role.MINIMUM, mark=Mark.DOTS, name="N at the minimum of an isoFLOP level",
                            colour=N_COLOUR, x=minima[0], y=minima[1]))  # fmt: skip
    low_x, high_x = around((x for each in lines for x in each.x.tolist()), log=True, margin=0.02)
    low_y, high_y = around((y for each in lines for y in (*each.y.tolist(), *_ends(each))), log=True)
    return Figure(
        title="the best N and D for each compute",
        x=Axis(label="training compute C, FLOPs", low=low_x, high=high_x, log=True, notation=Notation.POWER),
        y=Axis(label="parameters N*, tokens D*", low=low_y, high=high_y, log=True, notation=Notation.COUNT),
        series=tuple(lines),
    )


def exponents(found: Sequence[Interval]) -> Figure:
    """Numbers side by side with their intervals, the first at the top: a and b of N* ∝ C^a, D* ∝ C^b."""
    axis = of_names(each.name for each in found)
    ends = [end for each in found for end in (each.value, each.low, each.high) if end is not None]
    low, high = around(ends, log=False, margin=0.1)
    return Figure(
        title="how the best N and D grow with compute",
        x=Axis(label="exponent of C", low=low, high=high),
        y=axis,
        series=tuple(_whisker(each, len(found) - 1 - place) for place, each in enumerate(found)),
    )


def _line(label: str, name: str, flops: Array, grown: Grown, colour: int) -> Series:
    return Series(role=Role.OPTIMUM, mark=Mark.LINE, name=name, label=label, colour=colour, x=flops, y=grown.value,
                  low=grown.low, high=grown.high)  # fmt: skip


def _ends(series: Series) -> list[float]:
    """The band's edges, but not where they have run away from the line by more than a hundredfold."""
    edges = [edge for edge in (series.low, series.high) if edge is not None]
    near = [edge[(edge > series.y / 100) & (edge < series.y * 100)] for edge in edges]
    return [value for edge in near for value in edge.tolist()]


def _whisker(each: Interval, place: int) -> Series:
    known = each.low is not None and each.high is not None
    return Series(
        role=Role.OPTIMUM, mark=Mark.DOTS, name=each.name, colour=each.colour, label=f"{each.value:.3f}",
        x=np.array([each.value]), y=np.array([float(place)]), x_low=np.array([each.low]) if known else None,
        x_high=np.array([each.high]) if known else None,
    )  # fmt: skip
