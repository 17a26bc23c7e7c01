"""What the frames before lit, so that a frame rasters what has changed alone. Knows figures and places, no widget.

Most curves of a lab are of runs that are done, and those of the others go on: as long as the axes stay only new points
are rastered, and nothing where somebody goes back to other axes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np

from scalelab.figures import Figure, Series
from scalelab.tui.charts import raster, rising
from scalelab.tui.charts.axes import Layout
from scalelab.tui.charts.raster import Array, Ints, Lit

MANY = 30_000
"""Points from which on it is cheaper to search than to look at each."""
KEPT = 6
"""Axes that are remembered: whoever tries the other scales comes back to the first."""
TWICE = 64
"""Cells that a line may name again, besides as many as it has, before they are put together."""

Value = TypeVar("Value")
Points = tuple[Array, Array]
"""x and y of a line."""


class Kept(Generic[Value]):
    """The newest of some values, by what they were made for."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Value] = {}

    def of(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value that is kept for this, or a new one."""
        return self.put(key, self._values[key] if key in self._values else make())

    def put(self, key: Hashable, value: Value) -> Value:
        """Keep it as the newest."""
        self._values.pop(key, None)
        self._values[key] = value
        if len(self._values) > KEPT:
            del self._values[next(iter(self._values))]
        return value


@dataclass(slots=True, eq=False)
class Stroke:
    """A line as the cells that it lights."""

    points: Points
    """Held, so that no other array can have their identities or their memory."""
    cells: Ints
    """Row, column and bits of each, (3, m)."""
    size: int
    """How many they were when none was named twice."""
    _begin: Hashable = None

    @property
    def begin(self) -> Hashable:
        """Where the points begin in memory; asked for when there is another frame."""
        self._begin = self._begin or _begin(self.points)
        return self._begin

    def longer(self, points: Points, tail: Ints) -> Stroke:
        """The line that goes on, with the cells of what is new."""
        cells, size = np.concatenate((self.cells, tail), axis=1), self.size
        if cells.shape[1] > 2 * size + TWICE:
            cells = _once(cells)
            size = cells.shape[1]
        return Stroke(points, cells, size, self.begin)


def _once(cells: Ints) -> Ints:
    """Each cell once, with all of its bits."""
    order = np.lexsort(cells[:2])
    row, column, bits = cells[:, order]
    begins = np.flatnonzero((np.diff(row, prepend=-1) != 0) | (np.diff(column, prepend=-1) != 0))
    return np.stack([row[begins], column[begins], np.bitwise_or.reduceat(bits, begins)])


Strokes = dict[tuple[int, int], Stroke]
"""Lines by the identities of their arrays."""


class Memory:
    """The lines of the frames before, by the arrays that they were made of.

    Of arrays that are longer views of the same memory what was there is known already: nobody writes there again.
    """

    def __init__(self) -> None:
        self._strokes: Kept[Strokes] = Kept()
        self._cuts: Kept[rising.Cuts] = Kept()

    def lit(self, drawn: Sequence[Series], figure: Figure, area: Layout) -> Lit:
        """What the lines light, in their order, owned by their places in `drawn`."""
        known = self.prepare(drawn, figure, area)
        keys = [(id(each.x), id(each.y)) for each in drawn]
        self._strokes.put(_between(figure, area), {key: known[key] for key in keys})
        parts = [known[key].cells for key in keys]
        row, column, bits = np.concatenate(parts, axis=1)
        owner = np.repeat(np.arange(len(parts)), [part.shape[1] for part in parts])
        return Lit(row=row, column=column, bits=bits, owner=owner)

    def prepare(self, drawn: Sequence[Series], figure: Figure, area: Layout) -> Strokes:
        """Raster lines that are not known yet; all that are known between these axes, those too that are not drawn."""
        axes = _between(figure, area)
        known = self._strokes.of(axes, dict)
        every = (((id(each.x), id(each.y)), (each.x, each.y)) for each in drawn)
        if fresh := {key: points for key, points in every if key not in known}:
            made = self._drawn([*fresh.values()], known.values(), figure, area)
            known = self._strokes.put(axes, known | dict(zip(fresh, made, strict=True)))
        return known

    def _drawn(self, fresh: Sequence[Points], known: Iterable[Stroke], figure: Figure, area: Layout) -> list[Stroke]:
        """Lines that are new or went on."""
        olds = _olds(fresh, known)
        # From the last known point on, to which the first new one is joined.
        new = [(x, y) if old is None else (x[len(old.points[0]) - 1 :], y[len(old.points[0]) - 1 :])
               for (x, y), old in zip(fresh, olds, strict=True)]  # fmt: skip
        return [
            Stroke(points, cells, cells.shape[1]) if old is None else old.longer(points, cells)
            for points, old, cells in zip(fresh, olds, self._rastered(new, figure, area), strict=True)
        ]

    def _rastered(self, lines: Sequence[Points], figure: Figure, area: Layout) -> list[Ints]:
        """The cells of each of some lines, all made together."""
        lit = self._dots(lines, figure, area).in_cells(area.dots.weights)
        every = np.stack([lit.row, lit.column, lit.bits], dtype=np.int32, casting="same_kind")
        cuts = np.searchsorted(lit.owner, np.arange(len(lines) + 1)).tolist()
        return [every[:, first:last] for first, last in pairwise(cuts)]

    def _dots(self, lines: Sequence[Points], figure: Figure, area: Layout) -> raster.Intervals:
        """The dots of lines: of those that rise along x by searching, of others and of those with gaps point by
        point.
        """
        across, down = partial(area.dots_across, figure.x), partial(area.dots_down, figure.y)
        width, height = area.columns * area.dots.wide, area.rows * area.dots.high
        many = sum(len(x) for x, _ in lines) >= MANY
        rises = np.array([many and rising.rises(x) for x, _ in lines])
        rest, parts = np.flatnonzero(~rises).tolist(), []
        if rises.any():
            owners = np.flatnonzero(rises)
            xs, ys = zip(*(lines[place] for place in owners.tolist()), strict=True)
            # Searched again only along another axis: smoothing and another scale of y leave it as it is.
            cuts = self._cuts.of((figure.x, width), lambda: rising.Cuts(figure.x, across, width))
            found, gaps = rising.stretches(xs, ys, cuts, down)
            parts.append(raster.passed(replace(found, owner=owners[found.owner]), width, height))
            rest = sorted([*rest, *owners[gaps].tolist()])
        if rest:
            owner = np.repeat(rest, [len(lines[place][0]) for place in rest])
            x, y = (np.concatenate([lines[place][part] for place in rest]) for part in (0, 1))
            parts.append(raster.lines(across(x), down(y), owner, width, height))
        return raster.together(*parts)


def _between(figure: Figure, area: Layout) -> Hashable:
    """The axes and the cells between them."""
    return figure.x, figure.y, area.columns, area.rows, area.dots


def _olds(lines: Sequence[Points], known: Iterable[Stroke]) -> list[Stroke | None]:
    """Of each line the part of it that is known: the longest that begins where it does in memory."""
    found = {each.begin: each for each in sorted(known, key=lambda each: len(each.points[0]))}
    if not found:
        return [None] * len(lines)
    olds = [found.get(_begin(points)) for points in lines]
    return [
        old if old is not None and len(old.points[0]) <= len(x) else None
        for (x, _), old in zip(lines, olds, strict=True)
    ]


def _begin(points: Points) -> Hashable:
    x, y = points
    return x.ctypes.data, y.ctypes.data, x.strides, y.strides
