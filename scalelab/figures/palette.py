"""Colours that colour-blind people can tell apart (Okabe and Ito 2008), each on an exact entry of xterm's 256."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """One colour in the two forms that drawers ask for."""

    name: str
    xterm: int
    """Entry of the 256-colour table: the same on every terminal, whatever its theme."""
    hex: str
    """The same colour on dark paper."""
    on_light: str
    """Its darker sister, for light paper: each keeps a contrast of 3 to white."""


PALETTE = (
    Colour(name="orange", xterm=214, hex="#ffaf00", on_light="#c77700"),
    Colour(name="sky blue", xterm=74, hex="#5fafd7", on_light="#2f8fc0"),
    Colour(name="green", xterm=36, hex="#00af87", on_light="#008f6b"),
    Colour(name="pink", xterm=175, hex="#d787af", on_light="#bf5f96"),
    Colour(name="yellow", xterm=185, hex="#d7d75f", on_light="#948a00"),
    Colour(name="blue", xterm=33, hex="#0087ff", on_light="#0063c2"),
    Colour(name="vermilion", xterm=166, hex="#d75f00", on_light="#bf4a00"),
)
"""For rungs, in the order of the ladder; a rung keeps its colour in every figure."""

FRONTIER = Colour(name="red", xterm=203, hex="#ff5f5f", on_light="#d62b2b")
NEUTRAL = Colour(name="grey", xterm=246, hex="#949494", on_light="#757575")


def colour_of(index: int | None) -> Colour:
    """The colour of the n-th rung; grey for what belongs to none."""
    return NEUTRAL if index is None else PALETTE[index % len(PALETTE)]
