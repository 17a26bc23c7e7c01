"""An axis: its range, its scale, and the ticks that a person would have chosen."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from scalelab.units import format_count


class Notation(StrEnum):
    """How the numbers along an axis are written."""

    COUNT = "count"
    """1.2M: parameters, tokens, steps."""
    POWER = "power"
    """1e12: FLOPs."""
    NUMBER = "number"
    """2.5: losses, seconds."""
    PERCENT = "percent"
    """+2 %: residuals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One side of a figure."""

    label: str
    """What stands along it, with its unit: "training compute C, FLOPs"."""
    low: float
    high: float
    log: bool = False
    notation: Notation = Notation.NUMBER
    names: tuple[str, ...] = ()
    """Of an axis of kinds and not of numbers: the name at 0, at 1, and so on. See `of_names`."""

    def place(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Values as shares of the axis, 0 at low and 1 at high; NaN where a log has none."""
        given = np.asarray(values, dtype=float)
        if not self.log:
            with np.errstate(over="ignore"):
                return (given - self.low) / (self.high - self.low)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(given > 0, np.log(given), np.nan)
        share: npt.NDArray[np.float64] = (logs - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return share

    def stepped(self, *, low: bool = True) -> Axis:
        """The axis with its ends moved outwards to the next step: an end of what grows then moves seldom.

        A step is a 32nd to a 64th of the axis as it is seen, and becomes twice as wide only where that does.

        Parameters
        ----------
        low
            Whether the lower end is moved too.
        """
        first, last = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        step = 2.0 ** math.floor(math.log2((last - first) / 32))
        # What stands on a step stays there, though it may have come a rounding beside it.
        first, last = math.floor(first / step + 1e-9) * step, math.ceil(last / step - 1e-9) * step
        if self.log:
            first, last = math.exp(first), math.exp(last)
        return replace(self, low=min(first, self.low) if low else self.low, high=max(last, self.high))

    def ticks(self, most: int = 6) -> list[tuple[float, str]]:
        """At most `most` values inside the axis and how each is written; all names of an axis of kinds."""
        if self.names:
            return [(float(place), name) for place, name in enumerate(self.names)]
        places = _log_ticks(self.low, self.high, most) if self.log else _even_ticks(self.low, self.high, most)
        words = [self.write(place) for place in places]
        if self.notation is Notation.NUMBER and all("e" not in word for word in words):
            # One number of decimals along the whole axis, so that the points stand under each other.
            decimals = max((len(word.partition(".")[2]) for word in words), default=0)
            words = [f"{place:.{decimals}f}" for place in places]
        return list(zip(places, words, strict=True))

    def write(self, value: float) -> str:
        """A value in this axis's notation."""
        match self.notation:
            case Notation.COUNT:
                return format_count(value)
            case Notation.POWER:
                mantissa, exponent = f"{value:.3e}".split("e")
                return f"{float(mantissa):g}e{int(exponent)}"
            case Notation.PERCENT:
                return f"{value:+.3g} %" if value else "0 %"
            case Notation.NUMBER:
                return f"{value:.4g}"


def of_names(names: Iterable[str], label: str = "") -> Axis:
    """An axis of kinds, the first at its high end: at the top, where it stands upright."""
    kinds = tuple(names)[::-1]
    return Axis(label=label, low=-0.5, high=max(len(kinds), 1) - 0.5, names=kinds)


def around(values: Iterable[float], *, log: bool, margin: float = 0.04) -> tuple[float, float]:
    """A range that holds the finite values with a little air; never empty, never of zero width.

    Sizes beyond 1e±100 are left out: a run that exploded must not flatten the others to a line.
    """
    kept = [value for value in values if _in_bounds(value, log)]
    if not kept:
        return (1.0, 10.0) if log else (0.0, 1.0)
    low, high = min(kept), max(kept)
    if log:
        air = (high / low) ** margin if high > low * 1.0001 else 1.1
        return low / air, high * air
    wide = high - low > 1e-9 * max(abs(low), abs(high))
    air = (high - low) * margin if wide else max(abs(high), 1.0) * 0.1
    return low - air, high + air


def _in_bounds(value: float, log: bool) -> bool:
    if log:
        return 1e-100 < value < 1e100
    return math.isfinite(value) and abs(value) < 1e100


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / max(most, 1)
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(scale * factor for factor in (1, 2, 5, 10) if scale * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12 - math.floor(math.log10(step))) for index in range(first, last + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten, every second or third where they are many, with steps between them where they are few."""
    decades = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    if len(decades) >= 3:
        stride = -(-len(decades) // max(most, 1))
        return [10.0**decade for decade in decades if decade % stride == 0]
    for mantissas in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        found = [
            mantissa * 10.0**decade
            for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for mantissa in mantissas
            if low <= mantissa * 10.0**decade <= high
        ]
        if len(found) <= most:
            break
    return found if len(found) >= 3 or high >= 10.0 * low else _even_ticks(low, high, most)
