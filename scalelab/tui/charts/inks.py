"""Which colours a drawing uses: exact entries of xterm's 256, for dark and for light paper. Knows no drawing.

A Textual filter turns colours without a triplet into 24-bit ones; these carry theirs, so that a terminal gets the entry
itself: `38;5;214` is the same colour everywhere and half the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.style import Style

from scalelab.figures import PALETTE, Role, Series
from scalelab.figures.palette import FRONTIER, NEUTRAL

PLAIN = -1
"""No colour of its own: the terminal's or the theme's."""
BOLD, REVERSE = 1, 2
_RED = frozenset({Role.FRONTIER, Role.FORECAST, Role.CHOSEN})
_CUBE = (0, 95, 135, 175, 215, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inks:
    """Colours on one kind of paper."""

    palette: tuple[int, ...]
    red: int
    neutral: int
    axis: int
    grid: int
    ramp: tuple[int, ...]
    """From the highest loss to the lowest: lightness rises all the way, so that it reads without hue too."""

    def of(self, series: Series) -> int:
        """The ink of a series."""
        if series.role in _RED:
            return self.red
        return self.neutral if series.colour is None else self.palette[series.colour % len(self.palette)]

    def band(self, place: int, bands: int) -> int:
        """The colour of the n-th band of some, the first of the highest loss."""
        last = len(self.ramp) - 1
        return self.ramp[round(place * last / max(bands - 1, 1))]


# The entries nearest to viridis (van der Walt and Smith 2015), those kept that can be told from their neighbours.
_RAMP = (53, 54, 24, 30, 36, 42, 113, 148, 184, 226)
DARK = Inks(palette=tuple(each.xterm for each in PALETTE), red=FRONTIER.xterm, neutral=NEUTRAL.xterm, axis=246,
            grid=237, ramp=_RAMP)  # fmt: skip
LIGHT = Inks(palette=(130, 32, 29, 132, 100, 26, 166), red=160, neutral=243, axis=241, grid=253, ramp=_RAMP)
"""Darker sisters in the order of PALETTE: each keeps a contrast of 3 to white."""
EITHER = replace(LIGHT, neutral=243, axis=243, grid=240)
"""For paper that nobody has told, the terminal's own: each keeps a contrast of 3 to white and to black."""


def rgb(entry: int) -> tuple[int, int, int]:
    """Red, green, blue of an entry from 16 up of xterm's table."""
    if entry >= 232:
        grey = 8 + 10 * (entry - 232)
        return grey, grey, grey
    red, rest = divmod(entry - 16, 36)
    return _CUBE[red], _CUBE[rest // 6], _CUBE[rest % 6]


def luminance(entry: int) -> float:
    """Relative luminance of an entry, 0 to 1 (WCAG 2.1)."""
    shares = [part / 255 for part in rgb(entry)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


_REDS = (124, 210, 88)
"""The first that keeps a contrast of 2.2 is taken: the strongest red before the lighter and the darker one."""


def red_on(entry: int) -> int:
    """A red that stands out from an entry by lightness too: red on green is none to many eyes."""
    return max(_REDS, key=lambda red: min(contrast(red, entry), 2.2))


def contrast(first: int, second: int) -> float:
    """Contrast of two entries, 1 to 21 (WCAG 2.1)."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def text_on(entry: int) -> int:
    """Black or white, whichever reads better on an entry."""
    return 16 if luminance(entry) > 0.179 else 231


@lru_cache(512)
def style_of(base: Style, ink: int, paper: int, manner: int) -> Style:
    """A style for a Segment; `base` gives what has no colour of its own."""
    own = Style(
        color=None if ink == PLAIN else _entry(ink),
        bgcolor=None if paper == PLAIN else _entry(paper),
        bold=True if manner & BOLD else None,
        reverse=True if manner & REVERSE else None,
    )
    return base + own


def _entry(number: int) -> Color:
    return Color(str(number), ColorType.EIGHT_BIT, number=number, triplet=ColorTriplet(*rgb(number)))
