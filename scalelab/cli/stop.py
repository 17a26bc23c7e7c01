"""`scalelab stop`: ask the process that trains a lab to save and end."""

from __future__ import annotations

import click

from scalelab.cli.options import example, json_option, print_json


@click.command("stop", short_help="Save and stop a lab that trains.", epilog=example("scalelab stop labs/tiny"))
@click.argument("lab")
@click.option("--now", is_flag=True, help="Do not wait for checkpoints; a few seconds of training are lost.")
@json_option
def command(lab: str, now: bool, as_json: bool) -> None:
    """Ask the supervisor of LAB to save a checkpoint of each run and stop; `scalelab run` goes on from there."""
    from scalelab.gate import clean
    from scalelab.lab import control

    pid = control.request_stop(lab, now=now)
    if as_json:
        print_json({"schema": "scalelab.stopping/1", "lab": lab, "pid": pid})
        return
    click.echo(f"process {pid} saves and stops; `scalelab run --lab {clean(lab, 200)}` goes on")
