from __future__ import annotations

import io

from scalelab.cli.bar import Bar
from scalelab.report.console import console


def drawn(*texts: str) -> str:
    out = io.StringIO()
    bar = Bar(console(out, width=60))
    for text in texts:
        bar.draw(text)
    bar.end()
    return out.getvalue()


def test_each_share_is_drawn_over_the_last_and_nothing_is_left() -> None:
    lines = drawn("reading 4%", "text: 12 MB, 3M tokens, 2.1 MB/s, 12 s left, 41%").split("\r\x1b[2K")
    assert [line.rstrip() for line in lines] == [
        "",
        "░░░░░░░░░░░░░░░░░░░░ 4% reading",
        "████████░░░░░░░░░░░░ 41% text: 12 MB, 3M tokens, 2.1 MB/s,",
        "",
    ]


def test_outside_text_cannot_steer_and_a_closed_terminal_stops_nothing() -> None:
    assert "\x1b[31m" not in drawn("hf:\x1b[31mred 7%")
    closed = io.StringIO()
    bar = Bar(console(closed, width=60))
    closed.close()
    bar.draw("reading 4%")
    bar.end()
