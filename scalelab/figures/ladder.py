"""Which rung a run stands on, from N alone: the colour of everything follows from it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scalelab.figures.figure import Array
from scalelab.units import format_count

Mask = npt.NDArray[np.bool_]

SAME_SIZE = 1e-3
"""Relative difference in N below which two runs stand on one rung."""


def rungs_of(n_params: Array) -> tuple[Array, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """(N of each rung, rising; index of the rung of each run)."""
    order = np.argsort(n_params, kind="stable")
    rising = n_params[order]
    index = np.concatenate([[0], np.cumsum(np.diff(np.log(rising)) > SAME_SIZE)]) if len(rising) else np.zeros(0, int)
    place = np.empty(len(rising), dtype=np.int64)
    place[order] = index
    sizes = np.array([rising[index == rung].mean() for rung in range(int(index[-1]) + 1)]) if len(rising) else rising
    return sizes, place


def shade(rung: int, n_rungs: int, n_colours: int = 7) -> int:
    """The palette's place for a rung: its own on a short ladder, that of its neighbourhood on a long one."""
    return rung if n_rungs <= n_colours else rung * n_colours // n_rungs


def by_shade(n_params: Array) -> list[tuple[int, str, Mask]]:
    """(Colour, name, runs) of each group that is drawn alike: a rung, or neighbouring rungs of a long ladder."""
    sizes, place = rungs_of(n_params)
    shades = np.array([shade(rung, len(sizes)) for rung in range(len(sizes))], dtype=np.int64)
    groups = []
    for colour in sorted(set(shades.tolist())):
        ends = dict.fromkeys(format_count(float(size)) for size in sizes[shades == colour][[0, -1]])
        groups.append((int(colour), " to ".join(ends), shades[place] == colour))
    return groups


def chosen(n_rungs: int, most: int) -> list[int]:
    """At most `most` rungs of a long ladder, evenly, the first and the last among them."""
    return sorted({round(place) for place in np.linspace(0, n_rungs - 1, min(n_rungs, most))})
