"""`scalelab status`: how a lab stands, from its store alone; nobody needs to be training it."""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from scalelab.cli.options import example, json_option, print_json

if TYPE_CHECKING:
    from scalelab.store.reader import Reader


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
        rows, odd = reader.runs(), _odd(reader)
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
        print_json({"schema": "scalelab.status/1", **found.to_dict(), "runs": runs, "odd": odd})
        return
    size = shutil.get_terminal_size()
    height = size.lines - 3 if sys.stdout.isatty() else 10_000
    for line in progress.lines(shot, size.columns, height):
        click.echo(line)
    for sentence in odd:
        click.echo("\n".join(textwrap.wrap(clean(f"odd: {sentence}"), size.columns, subsequent_indent="  ")))
    click.echo(f"trained by process {found.pid}" if found.pid else "nobody trains it now")
    if found.fit_problem:
        click.echo(f"no newer fit: {clean(found.fit_problem, 300)}")


def _odd(reader: Reader) -> list[str]:
    """What is odd about the runs under the law of the last fit; nothing where that was kept by another version."""
    from scalelab.laws import Assessment

    row = reader.latest_fit()
    seen = Assessment.kept(row.json) if row else None
    return list(seen.diagnosis.sentences()) if seen is not None and seen.diagnosis is not None else []
