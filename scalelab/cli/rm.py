"""`scalelab rm`: remove a lab, after a question."""

from __future__ import annotations

import sys

import click

from scalelab.cli.labs import short
from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput, Interrupted
from scalelab.gate import clean


@click.command("rm", short_help="Remove a lab.", epilog=example("scalelab rm labs/tiny", "scalelab rm labs/tiny --yes"))
@click.argument("lab")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@json_option
def command(lab: str, yes: bool, as_json: bool) -> None:
    """Remove LAB: its store, its runs, its models and its law. Other files in its folder and shared tokens stay."""
    from scalelab.cli.labs import lab_at
    from scalelab.lab import control

    root = lab_at(lab).root
    if not yes:
        _ask(lab)
    left = control.remove(lab)
    if as_json:
        print_json({"schema": "scalelab.removed/1", "lab": root, "left": list(left)})
        return
    click.echo(f"removed {short(lab)}")
    if left:
        shown = ", ".join(clean(name, 60) for name in left[:6]) + (", …" if len(left) > 6 else "")
        click.echo(f"left in its folder, for they are not the lab's: {shown}")


def _ask(lab: str) -> None:
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        raise BadInput(f"rm of {clean(lab, 200)} is not asked for without a terminal", todo="--yes removes it")
    if not click.confirm(f"remove {short(lab)}, {_what_goes(lab)}?", err=True):
        raise Interrupted(f"{clean(lab, 200)} stays as it is")


def _what_goes(lab: str) -> str:
    from scalelab.errors import ScalelabError
    from scalelab.lab import control

    try:
        states = control.status(lab).states
    except ScalelabError:
        return "whose store cannot be read"
    total = sum(states.values())
    return f"{total} run{'s' if total != 1 else ''} of which {states.get('done', 0)} are done"
