"""A terminal's cells as an image: letters by a font, and what must meet its neighbours drawn as dots and boxes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import matplotlib
import pyte
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 18, 36
"""Pixels of a cell: twice what a terminal shows at usual sizes."""
MARGIN = 12
FOREGROUND, BACKGROUND = "#e4e4e4", "#121212"
_NAMED = {
    "black": "#000000", "red": "#cd3131", "green": "#0dbc79", "brown": "#e5e510", "blue": "#2472c8",
    "magenta": "#bc3fbc", "cyan": "#11a8cd", "white": "#e5e5e5",
}  # fmt: skip
_BLOCKS = {
    "▀": (0, 0, 1, 1 / 2), "▄": (0, 1 / 2, 1, 1), "█": (0, 0, 1, 1), "▌": (0, 0, 1 / 2, 1), "▐": (1 / 2, 0, 1, 1),
    "▁": (0, 7 / 8, 1, 1), "▂": (0, 6 / 8, 1, 1), "▃": (0, 5 / 8, 1, 1), "▅": (0, 3 / 8, 1, 1), "▆": (0, 2 / 8, 1, 1),
    "▇": (0, 1 / 8, 1, 1), "▏": (0, 0, 1 / 8, 1), "▎": (0, 0, 2 / 8, 1), "▍": (0, 0, 3 / 8, 1), "▋": (0, 0, 5 / 8, 1),
    "▊": (0, 0, 6 / 8, 1), "▉": (0, 0, 7 / 8, 1), "▔": (0, 0, 1, 1 / 8), "▕": (7 / 8, 0, 1, 1),
}  # fmt: skip
"""Left, top, right, bottom as shares of the cell."""
_LINES = {
    "─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu", "├": "udr", "┤": "udl", "┬": "lrd", "┴": "lru",
    "┼": "lrud", "╭": "rd", "╮": "ld", "╰": "ru", "╯": "lu", "╴": "l", "╵": "u", "╶": "r", "╷": "d",
    "━": "LR", "╸": "L", "╺": "R",
}  # fmt: skip
"""Where lines leave the middle of the cell: left, right, up, down; capitals are heavy."""


def drawn(screen: pyte.Screen) -> Image.Image:
    """The whole screen, in as few colours as it has."""
    size = (screen.columns * WIDTH + 2 * MARGIN, screen.lines * HEIGHT + 2 * MARGIN)
    image = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(image)
    for row in range(screen.lines):
        for column in range(screen.columns):
            _cell(draw, screen.buffer[row][column], MARGIN + column * WIDTH, MARGIN + row * HEIGHT)
    return image.quantize(128, dither=Image.Dither.NONE)


def _cell(draw: ImageDraw.ImageDraw, cell: pyte.screens.Char, x: int, y: int) -> None:
    ink, ground = _colour(cell.fg, FOREGROUND), _colour(cell.bg, BACKGROUND)
    if cell.reverse:
        ink, ground = ground, ink
    draw.rectangle((x, y, x + WIDTH - 1, y + HEIGHT - 1), ground)
    sign = cell.data or " "
    if "\u2800" <= sign <= "\u28ff":
        _braille(draw, ord(sign) - 0x2800, x, y, ink)
    elif sign in _BLOCKS:
        left, top, right, bottom = _BLOCKS[sign]
        draw.rectangle((x + left * WIDTH, y + top * HEIGHT, x + right * WIDTH - 1, y + bottom * HEIGHT - 1), ink)
    elif sign in _LINES:
        _line(draw, _LINES[sign], x, y, ink)
    elif sign in {"●", "◆"}:
        _mark(draw, sign, x, y, ink)
    elif sign != " ":
        draw.text((x + WIDTH / 2, y + HEIGHT * 0.76), sign, ink, font=_font(cell.bold), anchor="ms")
    if cell.underscore:
        draw.rectangle((x, y + HEIGHT - 4, x + WIDTH - 1, y + HEIGHT - 3), ink)


def _braille(draw: ImageDraw.ImageDraw, bits: int, x: int, y: int, ink: str) -> None:
    for bit, (column, row) in enumerate(((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))):
        if bits >> bit & 1:
            middle_x, middle_y = x + (2 * column + 1) * WIDTH / 4, y + (2 * row + 1) * HEIGHT / 8
            draw.ellipse((middle_x - 2.6, middle_y - 2.6, middle_x + 2.6, middle_y + 2.6), ink)


def _line(draw: ImageDraw.ImageDraw, ways: str, x: int, y: int, ink: str) -> None:
    left, top = x + WIDTH // 2 - 1, y + HEIGHT // 2 - 1
    right, bottom = left + 1, top + 1
    ends = {
        "l": (x, top, right, bottom), "r": (left, top, x + WIDTH - 1, bottom), "u": (left, y, right, bottom),
        "d": (left, top, right, y + HEIGHT - 1), "L": (x, top - 1, right, bottom + 1),
        "R": (left, top - 1, x + WIDTH - 1, bottom + 1),
    }  # fmt: skip
    for way in ways:
        draw.rectangle(ends[way], ink)


def _mark(draw: ImageDraw.ImageDraw, sign: str, x: int, y: int, ink: str) -> None:
    middle_x, middle_y, half = x + WIDTH / 2, y + HEIGHT / 2, WIDTH * 0.42
    if sign == "●":
        draw.ellipse((middle_x - half, middle_y - half, middle_x + half, middle_y + half), ink)
    else:
        corners = ((0, -half), (half, 0), (0, half), (-half, 0))
        draw.polygon([(middle_x + dx, middle_y + dy) for dx, dy in corners], ink)


def _colour(name: str, usual: str) -> str:
    if name == "default":
        return usual
    return _NAMED.get(name.removeprefix("bright"), f"#{name}")


@lru_cache(2)
def _font(bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans Mono, which comes with matplotlib: the same letters on every machine."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / f"DejaVuSansMono{'-Bold' * bold}.ttf"), 29)
