"""Labels at the ends of lines, moved apart: where each one stands so that all can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A label and where it would stand if it were alone, in pixels."""

    text: str
    x: float
    """Its left end."""
    y: float
    """Its middle."""
    colour: str


def apart(wanted: Sequence[Ending], *, char: float, line: float) -> list[tuple[Ending, float]]:
    """Each ending with the height at which it stands: no two overlap, and none is further away than it must be.

    `char` and `line` are the width of a character and the height of a line, in pixels.
    """
    placed: list[tuple[Ending, float]] = []
    for ending in sorted(wanted, key=lambda each: (-each.y, each.x)):
        tries = sorted((ending.y + step * line / 4 for step in range(-200, 201)), key=lambda y: abs(y - ending.y))
        free = (y for y in tries if not any(_meet(ending, y, other, at, char, line) for other, at in placed))
        placed.append((ending, next(free, ending.y)))
    return placed


def _meet(a: Ending, y: float, b: Ending, at: float, char: float, line: float) -> bool:
    beside = a.x >= b.x + char * len(b.text) or b.x >= a.x + char * len(a.text)
    return abs(y - at) < line and not beside
