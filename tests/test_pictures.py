"""The README's pictures: what stands in a cell is drawn in that cell, and there is one of every view."""

from __future__ import annotations

import pyte
import pytest
from PIL import Image

from tests.cells import BACKGROUND, HEIGHT, MARGIN, WIDTH, drawn
from tests.pictures import PICTURES, SHOTS


def cell(words: str, column: int = 0) -> Image.Image:
    """The pixels of one cell of a terminal that was written to."""
    screen = pyte.Screen(4, 2)
    pyte.Stream(screen).feed(words)
    left = MARGIN + column * WIDTH
    return drawn(screen).convert("RGB").crop((left, MARGIN, left + WIDTH, MARGIN + HEIGHT))


def inked(image: Image.Image) -> float:
    """Share of the pixels that are not the ground."""
    ground = tuple(bytes.fromhex(BACKGROUND[1:]))
    pixels = list(image.getdata())
    return sum(pixel != ground for pixel in pixels) / len(pixels)


def test_each_sign_stays_in_its_cell() -> None:
    for sign in "Wg@⣿█━┼●◆":
        assert inked(cell(f"{sign} ", 0)) > 0.05, sign
        assert inked(cell(f"{sign} ", 1)) == 0.0, sign


@pytest.mark.parametrize(("sign", "share"), [("█", 1.0), ("▀", 0.5), ("▌", 0.5), ("▂", 0.25), ("⠀", 0.0)])
def test_blocks_fill_their_share(sign: str, share: float) -> None:
    assert inked(cell(sign)) == pytest.approx(share, abs=0.03)


def test_braille_dots_stand_where_unicode_says() -> None:
    one, four = cell("⠁"), cell("⢀")
    assert one.crop((0, 0, WIDTH // 2, HEIGHT // 4)).getcolors() != [(WIDTH // 2 * HEIGHT // 4, (18, 18, 18))]
    assert inked(one.crop((WIDTH // 2, 0, WIDTH, HEIGHT))) == 0.0
    assert inked(four.crop((0, 0, WIDTH, 3 * HEIGHT // 4))) == 0.0
    assert inked(cell("⣿")) == pytest.approx(8 * inked(one), rel=0.05)


def test_colours_are_the_terminal_s() -> None:
    assert cell("\x1b[48;2;10;120;200m ").getpixel((1, 1)) == (10, 120, 200)
    assert cell("\x1b[38;5;196m█").getpixel((WIDTH // 2, HEIGHT // 2)) == (255, 0, 0)
    assert cell("\x1b[7m ").getpixel((1, 1)) == (228, 228, 228)


def test_there_is_a_small_picture_of_every_view() -> None:
    assert {path.stem for path in PICTURES.glob("*.png")} == set(SHOTS) == {"plan", "runs", "law", "surface", "predict"}
    for name, shot in SHOTS.items():
        path = PICTURES / f"{name}.png"
        assert path.stat().st_size < 120_000
        with Image.open(path) as image:
            assert image.size == (shot.columns * WIDTH + 2 * MARGIN, shot.rows * HEIGHT + 2 * MARGIN)
