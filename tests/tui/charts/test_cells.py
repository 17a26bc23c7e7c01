"""Cells, colours, and what goes over the wire."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

from rich.style import Style

from scalelab.figures import PALETTE
from scalelab.tui.charts.cells import Cells, single
from scalelab.tui.charts.inks import (
    BOLD,
    DARK,
    EITHER,
    LIGHT,
    PLAIN,
    contrast,
    luminance,
    red_on,
    rgb,
    style_of,
    text_on,
)


def test_text_is_cut_at_both_edges() -> None:
    cells = Cells(6, 2)
    cells.write(0, -2, "abcdef")
    cells.write(1, 4, "abcdef")
    cells.write(7, 0, "never")
    assert cells.text() == "cdef\n    ab"


def test_signs_of_two_cells_or_none_keep_the_width() -> None:
    assert single("a漢b") == "a?b"
    assert single("e\u0301") == "e"
    cells = Cells(8, 1)
    cells.write(0, 0, "漢字\x1b[2J")
    assert len(cells.row_text(0)) == 8
    assert "\x1b" not in cells.text()


def test_alike_drawings_differ_nowhere_and_the_ink_of_a_blank_is_none() -> None:
    one, other = Cells(20, 3), Cells(20, 3)
    assert other.changed(one) == []
    other.inks[1, 5] = 214
    assert other.changed(one) == []
    other.write(1, 5, "x", 214)
    assert other.changed(one) == [(1, 5, 6)]
    other.write(1, 8, "y")
    other.write(1, 18, "z")
    assert other.changed(one) == [(1, 5, 9), (1, 18, 19)]
    assert other.changed(other.copy()) == []


def test_a_strip_has_a_style_in_every_segment() -> None:
    cells = Cells(9, 1)
    cells.write(0, 2, "red", 203, BOLD)
    strip = cells.strip(0, Style())
    assert strip.cell_length == 9
    assert [part.text for part in strip] == ["  ", "red", "    "]
    assert all(part.style is not None for part in strip)


def test_colours_go_out_as_the_entries_themselves() -> None:
    assert style_of(Style(), 214, 53, 0).color.get_ansi_codes() == ("38", "5", "214")  # type: ignore[union-attr]
    assert style_of(Style(), PLAIN, PLAIN, 0) == Style()
    assert all("#{:02x}{:02x}{:02x}".format(*rgb(each.xterm)) == each.hex for each in PALETTE)


def test_inks_on_light_paper_keep_a_contrast_of_three() -> None:
    assert len(LIGHT.palette) == len(DARK.palette) == len(PALETTE)
    assert min(contrast(231, entry) for entry in (*LIGHT.palette, LIGHT.red, LIGHT.neutral, LIGHT.axis)) >= 3
    assert min(contrast(233, entry) for entry in (*DARK.palette, DARK.red, DARK.axis)) >= 3
    for paper in (16, 231):
        assert min(contrast(paper, each) for each in (*EITHER.palette, EITHER.red, EITHER.neutral, EITHER.axis)) >= 3


def test_the_ramp_becomes_lighter_all_the_way_and_can_be_written_on() -> None:
    lights = [luminance(entry) for entry in DARK.ramp]
    assert all(later > earlier for earlier, later in pairwise(lights))
    for entry in DARK.ramp:
        assert contrast(entry, text_on(entry)) >= 4.5
        assert contrast(entry, red_on(entry)) >= 2.2
    assert [DARK.band(place, 10) for place in range(10)] == list(DARK.ramp)
    assert DARK.band(0, 1) == DARK.ramp[0]


def test_charts_load_nothing_that_fits_trains_or_draws_elsewhere() -> None:
    heavy = {"scipy", "torch", "transformers", "datasets", "plotext", "matplotlib", "sqlite3", "pydantic"}
    code = "import sys, scalelab.tui.charts.chart, scalelab.tui.charts.map; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)
