"""What the terminal's font can show: the dots of a cell for lines, and one sign for each role. Knows no colour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from scalelab.figures import Mark, Role, Series


class GlyphSet(StrEnum):
    """What the terminal's font can show."""

    BRAILLE = "braille"
    BLOCK = "block"
    ASCII = "ascii"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dots:
    """How a cell is divided into dots, and the sign for each set of lit ones."""

    wide: int
    high: int
    weights: npt.NDArray[np.int64]
    """(high, wide): the bit of each dot."""
    signs: npt.NDArray[np.uint32]
    """Code point for each set of bits."""
    stipple: tuple[int, int]
    """A band lights every n-th dot of a row and every m-th row of dots."""


def _signs(text: str) -> npt.NDArray[np.uint32]:
    return np.array([ord(sign) for sign in text], dtype=np.uint32)


_DOTS = {
    GlyphSet.BRAILLE: Dots(
        wide=2, high=4, weights=np.array([[1, 8], [2, 16], [4, 32], [64, 128]]),
        signs=np.arange(0x2800, 0x2900, dtype=np.uint32), stipple=(2, 4),
    ),
    GlyphSet.BLOCK: Dots(
        wide=2, high=2, weights=np.array([[1, 2], [4, 8]]), signs=_signs(" ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"), stipple=(4, 2),
    ),
    GlyphSet.ASCII: Dots(wide=1, high=2, weights=np.array([[1], [2]]), signs=_signs(" '.:"), stipple=(4, 2)),
}  # fmt: skip


def dots_of(glyphs: GlyphSet) -> Dots:
    """The division of a cell in a glyph set."""
    return _DOTS[glyphs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """Everything that fills one cell by itself."""

    run: str
    forecast: str
    frontier: str
    """One a cell, where no colour tells the frontier from the other lines."""
    level: str
    upright: str
    corner: str
    tick_left: str
    tick_below: str
    grid: str
    cursor: str
    ends: tuple[str, str, str, str]
    """Half bars for the ends of whiskers: only the lower half of a cell, the upper, the right, the left."""


_FULL = Signs(run="●", forecast="◆", frontier="•", level="─", upright="│", corner="└", tick_left="┤", tick_below="┬",
              grid="─", cursor="┼", ends=("╷", "╵", "╶", "╴"))  # fmt: skip
_PLAIN = Signs(run="o", forecast="X", frontier="+", level="-", upright="|", corner="+", tick_left="+", tick_below="+",
               grid="-", cursor="#", ends=("|", "|", "-", "-"))  # fmt: skip


def signs_of(glyphs: GlyphSet) -> Signs:
    """The signs of a glyph set."""
    return _PLAIN if glyphs is GlyphSet.ASCII else _FULL


_SPECIAL = frozenset({Role.FORECAST, Role.MINIMUM, Role.CHOSEN})
_SHAPES = {GlyphSet.ASCII: "ox+*#@%&"}
_FULL_SHAPES = "●○◆◇■□▲△▼▽"


def dot_sign(series: Series, glyphs: GlyphSet) -> str:
    """The sign of one dot of a series: what nobody measured has another shape than what was."""
    signs = signs_of(glyphs)
    return signs.forecast if series.mark is Mark.DOTS and series.role in _SPECIAL else signs.run


def shape(place: int, glyphs: GlyphSet) -> str:
    """The sign of the n-th of some series that no colour tells apart."""
    every = _SHAPES.get(glyphs, _FULL_SHAPES)
    return every[place % len(every)]
