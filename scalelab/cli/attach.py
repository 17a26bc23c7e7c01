"""`scalelab`, `scalelab LAB`, `scalelab attach LAB`: open the app, where there is a terminal for it."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from scalelab.cli.options import example
from scalelab.errors import BadInput

if TYPE_CHECKING:
    from scalelab.tui.app import Opening


@click.command(
    "attach",
    short_help="Look at a lab in the app.",
    epilog=example("scalelab attach labs/tiny", "scalelab labs/tiny", "scalelab attach labs/tiny --glyphs ascii"),
)
@click.argument("lab")
@click.option("--glyphs", metavar="SET", help="What charts are drawn with: braille, block or ascii.")
@click.option("--theme", metavar="NAME", help="Colours: dark, light or ansi (the terminal's own).")
def command(lab: str, glyphs: str | None, theme: str | None) -> None:
    """Open LAB in the app: runs, losses and the law as they come. Leaving it stops no training."""
    open_app(lab=lab, glyphs=glyphs, theme=theme)


def open_app(
    *, lab: str | None = None, preset: str | None = None, glyphs: str | None = None, theme: str | None = None
) -> None:
    """Check what can be checked before the terminal is taken, then open the app; say its last words after it."""
    # What is imported stays: to look for garbage among it took a tenth of the time until the first row.
    gc.disable()
    try:
        _open_app(lab, preset, glyphs, theme)
    finally:
        gc.enable()


def _open_app(lab: str | None, preset: str | None, glyphs: str | None, theme: str | None) -> None:
    from scalelab.cli.labs import lab_at

    root = None if lab is None else lab_at(lab).root
    quoted = None if lab is None else shlex.quote(lab)
    begins = f"scalelab plan --preset {shlex.quote(preset)}" if preset is not None else "scalelab run"
    need_terminal(*([f"scalelab status {quoted}", f"scalelab fit {quoted}"] if quoted else [begins]))
    if preset is not None:
        from scalelab import preset_files

        preset_files.load(preset)
    from scalelab.tui.app import Opening

    show(Opening(lab=root, preset=preset), glyphs, theme)


def show(opening: Opening, glyphs: str | None, theme: str | None) -> None:
    """Open the app with this; say its last words after it."""
    from scalelab.tui import settings

    chosen = settings.load(theme, glyphs)
    from scalelab.tui.app import LabApp
    from scalelab.tui.gone import end_with_terminal

    end_with_terminal()
    app = LabApp(opening, chosen)
    gc.freeze()
    gc.enable()
    words = app.run(mouse=chosen.mouse)
    if words:
        click.echo(words)
    if app.return_code:
        raise click.ClickException("the app ended with an error; training is other processes and goes on")


def need_terminal(*serve: str) -> None:
    """BadInput where there is no terminal for the app; `serve` are the commands that do without one."""
    if all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)) and os.environ.get(
        "TERM"
    ) not in {"dumb", "unknown"}:
        return
    told = " or ".join(f"`{each}`" for each in serve)
    raise BadInput("the app needs a terminal", todo=f"{told} serves without one")
