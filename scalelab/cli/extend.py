"""`scalelab extend`: more budgets, sizes or seeds for a lab that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scalelab.cli.labs import short
from scalelab.cli.options import example, json_option, print_json
from scalelab.cli.streams import say
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.lab.control import Extension


@click.command(
    "extend",
    short_help="Add budgets, sizes or seeds to a lab.",
    epilog=example(
        "scalelab extend labs/tiny --budgets 2M",
        "scalelab extend labs/tiny --budgets 2M,4M --shapes 128x2 --seeds 2 --detach",
    ),
)
@click.argument("lab")
@click.option("--budgets", multiple=True, metavar="D", help="In the unit of the lab's own; several by commas.")
@click.option("--shapes", multiple=True, metavar="WIDTHxLAYERS", help="New model sizes; several by commas.")
@click.option("--seeds", type=int, metavar="N", help="So many seeds in all.")
@click.option("--detach", is_flag=True, help="Train what was added at once, without this terminal.")
@json_option
def command(
    lab: str, budgets: tuple[str, ...], shapes: tuple[str, ...], seeds: int | None, detach: bool, as_json: bool
) -> None:
    """Grow the grid of LAB. Done runs stay done, and trunks go on from their last checkpoint.

    What the runs of a rung share (batch, warm-up) stays; where a larger grid would have chosen otherwise, that is said.
    """
    from scalelab.lab import control

    hooks = control.Hooks(on_event=_tell_probe)
    told = control.extend(lab, budgets=_words(budgets), shapes=_words(shapes), seeds=seeds, hooks=hooks)
    pid = control.resume(lab) if detach else None
    if as_json:
        print_json({"schema": "scalelab.extended/1", "lab": lab, "pid": pid, **told.to_dict()})
        return
    for line in _lines(lab, told):
        click.echo(line)
    click.echo(f"process {pid} trains them" if pid else f"next:\n  scalelab resume {short(lab)} --detach")


def _words(given: tuple[str, ...]) -> list[str]:
    return [word.strip() for each in given for word in each.split(",") if word.strip()]


def _tell_probe(kind: str, text: str) -> None:
    if kind == "probe":
        say(clean(f"{kind}: {text}"))


def _lines(lab: str, told: Extension) -> list[str]:
    from scalelab.units import format_count, format_duration

    number = len(told.runs)
    cost = f"{format_count(told.flops)} FLOPs, about {format_duration(told.seconds)} more on the lab's slots"
    return [
        f"{short(lab)} grows by {number} run{'s' if number > 1 else ''}: {cost}",
        *(f"  {clean(run, 60)}" for run in told.runs[:12]),
        *([f"  and {number - 12} others"] if number > 12 else []),
        *(f"note: {clean(note, 300)}" for note in told.notes),
    ]
