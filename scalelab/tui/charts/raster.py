"""Numbers to dots: lines as the rows they pass in every column of dots, intervals, bands. Pure numpy, no colours.

A curve of many points costs one pass: within a column of dots only its extremes matter (min/max per pixel column), so
that nothing is averaged away and 500 curves of 2,000 points stay cheap. NaN and infinity are gaps, never joined over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.signedinteger[Any]]
FAR = 1e7
"""Dots off the drawing beyond which a place is held: 1e300 has no slope that a screen could show."""

SHORT = int(np.iinfo(np.uint16).max)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intervals:
    """Upright runs of dots: in column `column` all rows from `first` to `last`, both counted, 0 at the top."""

    column: Ints
    first: Ints
    last: Ints
    owner: Ints
    """Which line it is of, rising along the array within each of its parts."""

    def within(self, width: int, height: int) -> Intervals:
        """What of them lies on `width` by `height` dots."""
        kept = (self.column >= 0) & (self.column < width) & (self.last >= 0) & (self.first < height)
        return Intervals(
            column=self.column[kept],
            first=np.maximum(self.first[kept], 0),
            last=np.minimum(self.last[kept], height - 1),
            owner=self.owner[kept],
        )

    def dots(self) -> tuple[Ints, Ints, Ints]:
        """(row, column, owner) of every dot."""
        index, rows = _spread(self.first, self.last)
        return rows, self.column[index], self.owner[index]

    def in_cells(self, weights: Ints) -> Lit:
        """The bits that they light in every cell that they pass; `weights` are the bits of a cell's dots."""
        high, wide = weights.shape
        index, rows = _spread(self.first // high, self.last // high)
        above = np.maximum(self.first[index] - rows * high, 0)
        below = np.minimum(self.last[index] - rows * high, high - 1)
        column = self.column[index]
        sums = np.vstack([np.zeros((1, wide), dtype=np.int64), np.cumsum(weights, axis=0)])
        bits = sums[below + 1, column % wide] - sums[above, column % wide]
        return Lit(row=rows, column=column // wide, bits=bits, owner=self.owner[index])


def _spread(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """(Which interval, place in it) of every whole number between two ends, both counted."""
    lengths = last - first + 1
    begins = np.cumsum(lengths) - lengths
    index = np.repeat(np.arange(len(lengths)), lengths)
    return index, np.arange(len(index)) + (first - begins)[index]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lit:
    """Lit dots by cell: some of the bits of a cell, and of which line they are."""

    row: Ints
    column: Ints
    bits: Ints
    owner: Ints

    def where(self, kept: npt.NDArray[np.bool_]) -> Lit:
        """Some of them."""
        return Lit(row=self.row[kept], column=self.column[kept], bits=self.bits[kept], owner=self.owner[kept])

    def of(self, owner: int) -> Lit:
        """The same, of one line."""
        return Lit(row=self.row, column=self.column, bits=self.bits, owner=np.full(len(self.row), owner))


def joined(parts: Sequence[Lit]) -> Lit:
    """Some after others."""
    row, column, bits, owner = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "column", "bits", "owner")
    )
    return Lit(row=row, column=column, bits=bits, owner=owner)


_NOTHING = np.zeros(0, dtype=np.int64)
NONE = Intervals(column=_NOTHING, first=_NOTHING, last=_NOTHING, owner=_NOTHING)


def together(*parts: Intervals) -> Intervals:
    """All intervals of some parts, in order of their owners."""
    if len(parts) == 1:
        return parts[0]
    owner = np.concatenate([part.owner for part in parts])
    # Of 16 bits numpy sorts by counting, of more by comparing.
    order = np.argsort(owner.astype(np.uint16) if owner.max(initial=0) <= SHORT else owner, kind="stable")
    column, first, last = (
        np.concatenate([getattr(part, name) for part in parts])[order] for name in ("column", "first", "last")
    )
    return Intervals(column=column, first=first, last=last, owner=owner[order])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretches:
    """What is kept of lines: of each run of joined points inside one column of dots its ends and its extremes."""

    column: Ints
    owner: Ints
    linked: npt.NDArray[np.bool_]
    """Whether the line goes on into the stretch behind it; one less than there are stretches."""
    top: Array
    bottom: Array
    """The least and the greatest row of its points."""
    x: tuple[Array, Array]
    y: tuple[Array, Array]
    """Where its first and its last point are, in dots."""


def lines(x: Array, y: Array, owner: Ints, width: int, height: int) -> Intervals:
    """The dots that lines through points pass.

    Parameters
    ----------
    x, y : arrays (m,)
        Places in dots, the middle of a dot at a whole number, y downwards; lines stand one after another.
    owner : array (m,)
        Which line a point is of, rising; points of two lines are never joined.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        known = np.isfinite(x + y)
    # From here on only places: a gap is a pair of neighbours that is not linked.
    linked = owner[1:] == owner[:-1]
    if not known.all():
        kept = np.flatnonzero(known)
        linked = (np.diff(kept) == 1) & (owner[kept[1:]] == owner[kept[:-1]])
        x, y, owner = x[kept], y[kept], owner[kept]
    if not len(x):
        return NONE
    column = columns(x)
    starts = np.concatenate([[0], np.flatnonzero(~linked | (column[1:] != column[:-1])) + 1])
    ends = np.concatenate([starts[1:], [len(x)]]) - 1
    return passed(Stretches(
        column=column[starts], owner=owner[starts], linked=linked[ends[:-1]], top=np.minimum.reduceat(y, starts),
        bottom=np.maximum.reduceat(y, starts), x=(x[starts], x[ends]), y=(y[starts], y[ends]),
    ), width, height)  # fmt: skip


def columns(x: Array) -> Ints:
    """The column of dots that a place is in."""
    return np.rint(np.clip(x, -FAR, FAR)).astype(np.int32)


def passed(found: Stretches, width: int, height: int) -> Intervals:
    """The dots of stretches and of the ways between them."""
    inner = Intervals(column=found.column, first=_rows(found.top), last=_rows(found.bottom), owner=found.owner)
    across = _across_columns(found, np.flatnonzero(found.linked & ~_touching(inner, *found.y)), width)
    return together(inner.within(width, height), across.within(width, height))


def _touching(inner: Intervals, begins: Array, ends: Array) -> npt.NDArray[np.bool_]:
    """Where a stretch and the next stand in columns side by side and the way between them is lit already.

    It is where both hold all rows of the way, or where the way is one row: of dense curves that is most of it.
    """
    before, after = _rows(ends[:-1]), _rows(begins[1:])
    top, bottom = np.minimum(before, after), np.maximum(before, after)
    highest, lowest = np.maximum(inner.first[:-1], inner.first[1:]), np.minimum(inner.last[:-1], inner.last[1:])
    lit: npt.NDArray[np.bool_] = (bottom - top <= 1) | ((highest <= top) & (lowest >= bottom))
    lit &= np.abs(np.diff(inner.column)) == 1
    return lit


def _rows(y: Array) -> Ints:
    return np.rint(np.clip(y, -FAR, FAR)).astype(np.int64)


def _across_columns(found: Stretches, at: Ints, width: int) -> Intervals:
    """Of each join of a stretch with the next, the piece inside every column that it passes.

    The row at which it crosses from one column into the next is lit in the column that it comes from, and in the next
    only where it goes on along that row: so the line is one dot thin and has no hole.
    """
    begin, end = found.column[at], found.column[at + 1]
    near = (np.maximum(begin, end) >= 0) & (np.minimum(begin, end) < width)
    at, begin, end = at[near], begin[near], end[near]
    backward = end < begin
    sides = (found.x[1][at], found.x[0][at + 1]), (found.y[1][at], found.y[0][at + 1])
    (x0, x1), (y0, y1) = (
        (np.clip(np.where(backward, after, before), -FAR, FAR), np.clip(np.where(backward, before, after), -FAR, FAR))
        for before, after in sides
    )
    begin, end = np.minimum(begin, end), np.maximum(begin, end)
    first, last = np.maximum(begin, -1), np.minimum(end, width)
    pieces = last - first + 1
    index = np.repeat(np.arange(len(at)), pieces)
    here = np.arange(len(index)) + np.repeat(first - (np.cumsum(pieces) - pieces), pieces)
    slope = (y1 - y0) / (x1 - x0)
    # The height at which the join would cross the left edge of column 0, so that each edge is one multiplication; a
    # crossing exactly between two rows counts as the one that the join comes from.
    level, slope = (y0 - (x0 + 0.5) * slope - 1e-6 * np.sign(slope))[index], slope[index]
    inner = here > begin[index]
    begins = _rows(np.where(inner, level + here * slope, y0[index]))
    ends = _rows(np.where(here < end[index], level + (here + 1) * slope, y1[index]))
    begins += np.sign(ends - begins) * inner
    return Intervals(
        column=here, first=np.minimum(begins, ends), last=np.maximum(begins, ends), owner=found.owner[at][index]
    )


def band(x: Array, low: Array, high: Array, width: int) -> Intervals:
    """The area between two lines over one x, as an interval a column; `low` and `high` are places in dots.

    Columns that hold points take their extremes, those between are filled in; a NaN ends the area.
    """
    known = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    parts = [_area(x[start:end], low[start:end], high[start:end], width)
             for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]  # fmt: skip
    if not parts:
        return NONE
    return together(*parts)


def _area(x: Array, low: Array, high: Array, width: int) -> Intervals:
    x, low, high = (np.clip(each, -FAR, FAR) for each in (x, low, high))
    upper, lower = np.minimum(low, high), np.maximum(low, high)
    places, where = np.unique(np.rint(x).astype(np.int64), return_inverse=True)
    tops, bottoms = np.full(len(places), np.inf), np.full(len(places), -np.inf)
    np.minimum.at(tops, where, upper)
    np.maximum.at(bottoms, where, lower)
    columns = np.arange(max(int(places[0]), 0), min(int(places[-1]), width - 1) + 1)
    return Intervals(
        column=columns,
        first=np.rint(np.interp(columns, places, tops)).astype(np.int64),
        last=np.rint(np.interp(columns, places, bottoms)).astype(np.int64),
        owner=np.zeros(len(columns), dtype=np.int64),
    )


def packed(lit: npt.NDArray[np.bool_], weights: npt.NDArray[np.int64]) -> Ints:
    """Dots (rows · high, columns · wide) as a set of bits a cell."""
    high, wide = weights.shape
    rows, columns = lit.shape[0] // high, lit.shape[1] // wide
    bits = np.zeros((rows, columns), dtype=np.int64)
    for down in range(high):
        for across in range(wide):
            bits |= lit[down::high, across::wide] * weights[down, across]
    return bits
