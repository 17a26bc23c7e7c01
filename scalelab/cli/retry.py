"""`scalelab retry`: train runs again that failed, diverged or were stopped."""

from __future__ import annotations

import click

from scalelab.cli.labs import short
from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput
from scalelab.gate import clean


@click.command(
    "retry",
    short_help="Train failed runs again.",
    epilog=example(
        "scalelab retry labs/tiny 64x2-D300k-s0",
        "scalelab retry labs/tiny --failed",
        "scalelab retry labs/tiny 64x2-D300k-s0 --rate 0.5",
    ),
)
@click.argument("lab")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--failed", is_flag=True, help="Every run that has failed; with --rate those that diverged too.")
@click.option("--rate", type=float, metavar="SHARE", help="At this share of the learning rate, such as 0.5.")
@json_option
def command(lab: str, runs: tuple[str, ...], failed: bool, rate: float | None, as_json: bool) -> None:
    """Train each RUN of LAB again, from its last good checkpoint.

    A run that diverged begins anew: at the same rate it takes the same steps to the same end, so give it a lower one.
    Where nobody trains LAB, a process without this terminal begins, for these runs alone.
    """
    from scalelab.lab import control

    if failed == bool(runs):
        raise BadInput(
            "RUN and --failed were both given" if failed else "retry which run?", allowed="names of runs, or --failed"
        )
    names = list(runs) or control.ended_badly(lab, diverged=rate is not None)
    if not names:
        raise BadInput(f"no run of {clean(lab, 200)} has failed", todo="`scalelab status` shows how they stand")
    pid = control.retry(lab, names, rate=rate)
    if as_json:
        print_json({"schema": "scalelab.retrying/1", "lab": lab, "pid": pid, "runs": names, "rate": rate})
        return
    at = "" if rate is None else f" at {rate:g} of the rate"
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} others" if len(names) > 6 else "")
    click.echo(f"process {pid} trains {clean(shown, 600)} again{at}; `scalelab status {short(lab)} --watch` shows it")
