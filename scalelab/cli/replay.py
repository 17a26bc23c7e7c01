"""`scalelab replay [LAB]`: a recorded lab in the app as it came to be, at any speed. Nothing of it is changed."""

from __future__ import annotations

import math
import shlex
import signal
import sys

import click

from scalelab.cli.options import example
from scalelab.errors import BadInput
from scalelab.gate import clean

FASTEST = 1e6


@click.command(
    "replay",
    short_help="Play a recorded lab in the app.",
    epilog=example(
        "scalelab replay",
        "scalelab replay labs/tiny --speed 60",
        "scalelab replay labs/tiny --at 80% --paused",
        "scalelab replay labs/laptop --speed 600 --at 2h05",
    ),
)
@click.argument("lab", required=False)
@click.option("--speed", metavar="X", default="10", show_default=True, help="How many times as fast as it was.")
@click.option("--at", "begin", metavar="WHEN", help="Where to begin: a share of it, such as 80%, or a time into it.")
@click.option("--paused", is_flag=True, help="Stand still at first; P plays.")
@click.option("--glyphs", metavar="SET", help="What charts are drawn with: braille, block or ascii.")
@click.option("--theme", metavar="NAME", help="Colours: dark, light or ansi (the terminal's own).")
def command(
    lab: str | None, speed: str, begin: str | None, paused: bool, glyphs: str | None, theme: str | None
) -> None:
    """Play LAB again: its runs begin, its curves grow, its laws and predictions come, as they did.

    Without LAB, the lab that ships with scalelab. Time in which nobody trained is left out. Nothing is written to LAB.
    """
    from scalelab.cli.attach import need_terminal, show
    from scalelab.cli.labs import open_lab

    times, share, seconds = _speed(speed), *_begin(begin)
    root = None
    if lab is not None:
        with open_lab(lab) as reader:  # one line where it cannot be read, before the terminal is taken
            root = reader.path.absolute().parent
    shown = shlex.quote(lab) if lab else "LAB"  # the lab that ships is in no folder that a command could be given
    need_terminal(f"scalelab status {shown}", f"scalelab fit {shown}")
    # A closed terminal ends the process, but not before it has removed its copy.
    signal.signal(signal.SIGHUP, lambda number, _: sys.exit(128 + number))
    from scalelab.replay.player import Replay
    from scalelab.tui.app import Opening

    show(
        Opening(replay=Replay(lab=root, speed=times, share=share, at=seconds, paused=paused)),
        glyphs=glyphs,
        theme=theme,
    )


def _speed(text: str) -> float:
    """A positive number; "60x" and "×60" are how people write it."""
    try:
        speed = float(text.strip().strip("x×"))
    except ValueError:
        speed = math.nan
    if not 0 < speed <= FASTEST:
        raise BadInput(f"--speed {clean(text, 40)!r}", allowed=f"a number above 0 and up to {FASTEST:g}")
    return speed


def _begin(text: str | None) -> tuple[float, float]:
    """A share and seconds; one of them is 0."""
    if text is None:
        return 0.0, 0.0
    words = text.strip()
    try:
        share = float(words.removesuffix("%")) / (100 if words.endswith("%") else 1)
    except ValueError:
        share = math.nan
    if 0 <= share <= 1:
        return share, 0.0
    from scalelab.units import parse_duration

    try:
        return 0.0, parse_duration(words)
    except BadInput:
        raise BadInput(
            f"--at {clean(text, 40)!r}", allowed="a share such as 0.8 or 80%, or a time such as 90s or 2h05"
        ) from None
