"""What goes over the wire: a terminal that reads it shows what was drawn, and what stays is not written again."""

from __future__ import annotations

import random
import re

import pytest
from rich.cells import get_character_cell_size
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from scalelab.tui.charts.wire import _NARROW, Paper, cells

WIDTH, HEIGHT = 40, 6
STYLES = (None, Style(), Style(bold=True), Style(color="color(214)"), Style(color="color(53)", bgcolor="color(233)"))
TOKEN = re.compile(r"\x1b\[([\d;]*)([Hm])|(.)", re.DOTALL)


class Glass:
    """A terminal that knows where its cursor is, what its style is, and how wide a sign is."""

    def __init__(self) -> None:
        self.signs = [[" "] * WIDTH for _ in range(HEIGHT)]
        self.looks = [[""] * WIDTH for _ in range(HEIGHT)]
        self.row = self.column = self.written = 0
        self.look = ""

    def read(self, text: str) -> None:
        for codes, kind, sign in TOKEN.findall(text):
            if kind == "H":
                self.row, self.column = (int(part) - 1 for part in codes.split(";"))
            elif kind == "m":
                self.look = codes.removeprefix("0").removeprefix(";")
            else:
                self._put(sign)

    def _put(self, sign: str) -> None:
        width = get_character_cell_size(sign)
        for place, part in enumerate([sign, ""][:width]):
            self.signs[self.row][self.column + place] = part
            self.looks[self.row][self.column + place] = self.look
        self.column += width
        self.written += width


def line(random_: random.Random, letters: str) -> Strip:
    """A row of pieces, exactly as wide as the terminal."""
    pieces = []
    for _ in range(random_.randint(1, 6)):
        pieces.append(Segment("".join(random_.choices(letters, k=random_.randint(1, 12))), random_.choice(STYLES)))
    return Strip(pieces).adjust_cell_length(WIDTH)


def changed(random_: random.Random, rows: list[Strip], letters: str) -> tuple[list[Strip], ChopsUpdate]:
    """Some rows anew, with a span that holds all that changed and more."""
    rows, spans = list(rows), []
    for row in sorted(random_.sample(range(HEIGHT), 3)):
        rows[row] = line(random_, letters)
        spans.append((row, 0, WIDTH))
    return rows, ChopsUpdate([{0: strip} for strip in rows], spans, [[WIDTH]] * HEIGHT)


@pytest.mark.parametrize("letters", ["ab ⣿─", "a漢 b字"])
def test_a_terminal_shows_what_was_drawn_after_any_updates(letters: str) -> None:
    random_, paper, glass = random.Random(7), Paper(), Glass()
    rows = [line(random_, letters) for _ in range(HEIGHT)]
    update: LayoutUpdate | ChopsUpdate = LayoutUpdate([[row] for row in rows], Region(0, 0, WIDTH, HEIGHT))
    for _ in range(200):
        glass.read(paper.take(update, WIDTH, HEIGHT, ColorSystem.EIGHT_BIT))
        drawn = [cells(row, ColorSystem.EIGHT_BIT) for row in rows]
        assert glass.signs == [signs for signs, _ in drawn]
        assert glass.looks == [looks for _, looks in drawn]
        assert glass.look == ""
        rows, update = changed(random_, rows, letters)


def test_what_stays_is_not_written_again() -> None:
    paper, glass = Paper(), Glass()
    rows = [Strip([Segment("row of words", Style(bold=True))]).adjust_cell_length(WIDTH) for _ in range(HEIGHT)]
    whole = LayoutUpdate([[row] for row in rows], Region(0, 0, WIDTH, HEIGHT))
    glass.read(paper.take(whole, WIDTH, HEIGHT, ColorSystem.EIGHT_BIT))
    assert glass.written == WIDTH * HEIGHT
    assert paper.take(whole, WIDTH, HEIGHT, ColorSystem.EIGHT_BIT) == ""
    other = Strip([Segment("row if words", Style(bold=True))]).adjust_cell_length(WIDTH)
    update = LayoutUpdate([[other], *([row] for row in rows[1:])], Region(0, 0, WIDTH, HEIGHT))
    assert paper.take(update, WIDTH, HEIGHT, ColorSystem.EIGHT_BIT) == "\x1b[1;5H\x1b[0;1mi\x1b[0m"
    paper.forget()
    assert paper.take(whole, WIDTH, HEIGHT, ColorSystem.EIGHT_BIT).count("row of words") == HEIGHT


def test_a_span_writes_nothing_outside_of_itself_and_cuts_no_wide_sign() -> None:
    paper = Paper()
    blank = LayoutUpdate([[Strip.blank(WIDTH)]] * HEIGHT, Region(0, 0, WIDTH, HEIGHT))
    paper.take(blank, WIDTH, HEIGHT, ColorSystem.EIGHT_BIT)
    strip = Strip([Segment("abcdefgh")]).adjust_cell_length(WIDTH)
    text = paper.take(ChopsUpdate([{0: strip}], [(0, 3, 5)], [[WIDTH]]), WIDTH, HEIGHT, ColorSystem.EIGHT_BIT)
    assert text == "\x1b[1;4Hde"
    wide = Strip([Segment("漢字漢字")]).adjust_cell_length(WIDTH)
    text = paper.take(ChopsUpdate([{0: wide}], [(0, 3, 5)], [[WIDTH]]), WIDTH, HEIGHT, ColorSystem.EIGHT_BIT)
    assert text == "\x1b[1;3H字漢"


def test_what_is_taken_for_narrow_at_a_glance_takes_one_cell_each() -> None:
    found = [chr(code) for code in range(0x20, 0x11_0000) if _NARROW(chr(code))]
    assert {get_character_cell_size(sign) for sign in found} == {1} and {"α", "·", "−", "⠿", "▸", "é", "╭"} <= {*found}
    mixed = Strip([Segment("α ", Style(bold=True)), Segment("▸x", None)])
    assert cells(mixed, ColorSystem.TRUECOLOR) == (["α", " ", "▸", "x"], ["1", "1", "", ""])
    assert cells(Strip([*mixed, Segment("漢")]), ColorSystem.TRUECOLOR)[0] == ["α", " ", "▸", "x", "漢", ""]
