"""`scalelab status`: how a lab stands, from its store alone; nobody needs to be training it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace

import click

from scalelab.cli.options import example, json_option, print_json


@click.command("status", short_help="How far a lab is.", epilog=example("scalelab status labs/tiny"))
@click.argument("lab")
@json_option
def command(lab: str, as_json: bool) -> None:
    """Show the runs of LAB, the law so far, and who trains it."""
    from scalelab.cli.labs import lab_at, open_lab
    from scalelab.cli.live import Follower
    from scalelab.gate import clean
    from scalelab.lab import control
    from scalelab.report import progress

    found = control.status(lab)
    with open_lab(lab) as reader:
        rows = reader.runs()
        shot = Follower(lab_at(lab).root.name, trained=found.pid is not None, at_once=True).snapshot(reader)
    shot = replace(shot, elapsed=None, left=found.seconds_left)
    if as_json:
        runs = [
            {
                "run": row.run,
                "rung": row.spec.rung,
                "kind": str(row.spec.kind),
                "state": str(row.state),
                "reason": row.reason,
                "attempt": row.attempt,
                "step": row.step,
                "n_steps": row.spec.n_steps,
                "loss": shot.finals[row.run].loss if row.run in shot.finals else None,
                "ending": shot.endings[row.run].to_dict() if row.run in shot.endings else None,
            }
            for row in rows
        ]
        print_json({"schema": "scalelab.status/1", **found.to_dict(), "runs": runs})
        return
    size = shutil.get_terminal_size()
    height = size.lines - 3 if sys.stdout.isatty() else 10_000
    for line in progress.lines(shot, size.columns, height):
        click.echo(line)
    click.echo(f"trained by process {found.pid}" if found.pid else "nobody trains it now")
    if found.fit_problem:
        click.echo(f"no newer fit: {clean(found.fit_problem, 300)}")
