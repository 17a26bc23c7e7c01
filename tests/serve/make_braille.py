"""Makes scalelab/serve/assets/braille.ttf: `python -m tests.serve.make_braille`.

Charts are drawn in braille, and a browser takes those glyphs from whatever font has them, in which the dots of one cell
do not continue those of the next: curves become stairs. These fill Roboto Mono's cell evenly in both directions.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

SHIPPED = Path(__file__).parents[2] / "scalelab" / "serve" / "assets" / "braille.ttf"
UNITS, WIDTH, ASCENT, DESCENT = 2048, 1229, 2146, 555
"""Roboto Mono's cell."""
RADIUS = 170
_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of Unicode's dots 1 to 8, a bit of the code each."""
_CORNERS = ((10, 4), (4, 10), (-4, 10), (-10, 4), (-10, -4), (-4, -10), (4, -10), (10, -4))
"""An octagon, in tenths of the radius, drawn clockwise as TrueType has it."""


def font() -> bytes:
    """The font file, the same at every call."""
    names = [f"braille{pattern:02x}" for pattern in range(256)]
    builder = FontBuilder(UNITS, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names])
    builder.setupCharacterMap({0x2800 + pattern: name for pattern, name in enumerate(names)})
    builder.setupGlyf({".notdef": _glyph(0)} | {name: _glyph(pattern) for pattern, name in enumerate(names)})
    builder.setupHorizontalMetrics({name: (WIDTH, 0) for name in (".notdef", *names)})
    builder.setupHorizontalHeader(ascent=ASCENT, descent=-DESCENT)
    builder.setupNameTable({"familyName": "scalelab braille", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=ASCENT, sTypoDescender=-DESCENT, usWinAscent=ASCENT, usWinDescent=DESCENT)
    builder.setupPost(keepGlyphNames=False)
    builder.updateHead(created=0, modified=0)
    builder.font.recalcTimestamp = False
    file = BytesIO()
    builder.save(file)
    return file.getvalue()


def _glyph(pattern: int) -> object:
    pen = TTGlyphPen(None)
    for bit, (column, row) in enumerate(_DOTS):
        if pattern >> bit & 1:
            x = WIDTH * (2 * column + 1) // 4
            y = ASCENT - (ASCENT + DESCENT) * (2 * row + 1) // 8
            first, *others = [(x + RADIUS * a // 10, y + RADIUS * b // 10) for a, b in reversed(_CORNERS)]
            pen.moveTo(first)
            for corner in others:
                pen.lineTo(corner)
            pen.closePath()
    return pen.glyph()


if __name__ == "__main__":
    SHIPPED.write_bytes(font())
