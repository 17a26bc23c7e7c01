"""`scalelab stop`: ask the process that trains a lab to end, in one of three ways."""

from __future__ import annotations

import click

from scalelab.cli.labs import short
from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput


@click.command(
    "stop",
    short_help="Save and stop a lab that trains.",
    epilog=example("scalelab stop labs/tiny", "scalelab stop labs/tiny --after-current"),
)
@click.argument("lab")
@click.option("--now", is_flag=True, help="Do not wait for checkpoints; a few seconds of training are lost.")
@click.option("--after-current", is_flag=True, help="Let the runs under way come to their ends; start no other.")
@json_option
def command(lab: str, now: bool, after_current: bool, as_json: bool) -> None:
    """Ask the supervisor of LAB to save a checkpoint of each run and stop; `scalelab resume` goes on from there.

    A stronger stop overrides a gentler one that was asked before.
    """
    from scalelab.lab import control

    if now and after_current:
        raise BadInput("--now and --after-current were both given", allowed="one of them")
    pid = control.request_stop(lab, now=now, after_current=after_current)
    how = "now" if now else "after current" if after_current else "save"
    if as_json:
        print_json({"schema": "scalelab.stopping/1", "lab": lab, "pid": pid, "how": how})
        return
    does = {
        "now": "stops at once",
        "save": "saves and stops",
        "after current": "lets its runs come to their ends, starts no other, and stops",
    }
    click.echo(f"process {pid} {does[how]}; `scalelab resume {short(lab)}` goes on")
