"""How a drawing is to look: glyphs, colours, a title or none."""

from __future__ import annotations

from dataclasses import dataclass

from scalelab.tui.charts.glyphs import GlyphSet
from scalelab.tui.charts.inks import DARK, Inks


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Glyphs and colours of a drawing."""

    glyphs: GlyphSet = GlyphSet.BRAILLE
    coloured: bool = True
    inks: Inks = DARK
    titled: bool = True
