"""The colours of a figure on paper: light, dark, or named, so that a page chooses between the two itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scalelab.figures import PALETTE, Role, Series
from scalelab.figures.palette import FRONTIER, NEUTRAL, Colour

RED = frozenset({Role.FRONTIER, Role.FORECAST, Role.CHOSEN})

_INKS: Mapping[str, tuple[str, str]] = {
    "ink": ("#1c2024", "#e6e8ea"),
    "muted": ("#60676e", "#9aa2a9"),
    "grid": ("#e3e6e8", "#33393f"),
    "paper": ("#ffffff", "#14171a"),
}
"""Name → (on light paper, on dark paper)."""


def _name(colour: Colour) -> str:
    return colour.name.replace(" ", "-")


def shades() -> dict[str, tuple[str, str]]:
    """Every colour that a figure uses: name → (on light paper, on dark paper)."""
    return dict(_INKS) | {_name(each): (each.on_light, each.hex) for each in (*PALETTE, FRONTIER, NEUTRAL)}


@dataclass(frozen=True, slots=True)
class Paper:
    """Colours by name for one drawing."""

    colours: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.colours[name]

    def of(self, series: Series) -> str:
        """The colour of a series, the same as in the terminal."""
        if series.role in RED:
            return self[_name(FRONTIER)]
        return self[_name(NEUTRAL if series.colour is None else PALETTE[series.colour % len(PALETTE)])]


LIGHT = Paper({name: light for name, (light, _) in shades().items()})
NAMED = Paper({name: f"#0b{place:02x}c0" for place, name in enumerate(shades())})
"""Stand-ins that no other colour of a drawing equals, put in place of by `with_names`."""


def with_names(svg: str) -> str:
    """An SVG drawn on NAMED paper with its colours as CSS variables: "#0b00c0" → "var(--ink)"."""
    for name, stand_in in NAMED.colours.items():
        svg = svg.replace(stand_in, f"var(--{name})")
    return svg


def css_variables() -> str:
    """Rules that give the variables their colours, dark where the reader's system is."""

    def rules(side: Callable[[tuple[str, str]], str]) -> str:
        return " ".join(f"--{name}: {side(both)};" for name, both in shades().items())

    light, dark = rules(lambda both: both[0]), rules(lambda both: both[1])
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )
