"""Dark, light, and the terminal's own colours; each colour an exact entry of xterm's 256, so that none is mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="scalelab-dark", dark=True, primary="#5fafd7", secondary="#00af87", accent="#ffaf00", foreground="#dadada",
    background="#121212", surface="#121212", panel="#262626", success="#00af87", warning="#ffaf00", error="#ff5f5f",
    variables={"foreground-muted": "#949494", "surface-lighten-2": "#303030"},
)  # fmt: skip
LIGHT = Theme(
    name="scalelab-light", dark=False, primary="#005faf", secondary="#005f00", accent="#875f00", foreground="#121212",
    background="#ffffff", surface="#ffffff", panel="#e4e4e4", success="#005f00", warning="#875f00", error="#af0000",
    variables={"foreground-muted": "#626262", "surface-lighten-2": "#dadada"},
)  # fmt: skip
_OWN = BUILTIN_THEMES["ansi-dark"]
ANSI = replace(
    _OWN,
    name="scalelab-ansi",
    variables={**_OWN.variables, "foreground-muted": "ansi_default", "surface-lighten-2": "ansi_bright_black"},
)
THEMES = (DARK, LIGHT, ANSI)


class Colourless(LineFilter):
    """For NO_COLOR: bold, dim and reverse stay. Textual's own filter sends greys, and a theme's paper with them."""

    def apply(self, segments: Sequence[Segment], background: Color) -> list[Segment]:
        """The same signs in the terminal's own colours."""
        del background
        return [Segment(text, style and _without_colour(style), control) for text, style, control in segments]


@lru_cache(1024)
def _without_colour(style: Style) -> Style:
    """What a click means stays too."""
    return style.without_color + Style(meta=style.meta) if style.meta else style.without_color
