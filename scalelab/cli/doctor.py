"""`scalelab doctor`: whether this machine can do what the lab asks of it, and whether a lab is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput, ExitCode

if TYPE_CHECKING:
    from scalelab.doctor.line import Line


@click.command(
    "doctor",
    short_help="Check this machine, or a lab.",
    epilog=example("scalelab doctor", "scalelab doctor --folder /scratch/labs", "scalelab doctor labs/tiny --json"),
)
@click.argument("lab", required=False)
@click.option("--folder", type=click.Path(path_type=Path), help="Where labs are to lie.  [default: labs]")
@click.option("--mend", is_flag=True, help="Of a store with torn pages keep what reads; the old one stays beside it.")
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str | None, folder: Path | None, mend: bool, as_json: bool) -> None:
    """Try what the lab needs, for real: libraries, terminal, memory, folders, and a short training on every device.

    Every device is held against steps in float64 on the CPU, so this is how to prove a GPU; some ten seconds each.
    With LAB, read all of that lab instead: store, curves, checkpoints, models, tokens. Nothing is changed, and nothing
    that was written stays. Exit code 1 where something fails.
    """
    from scalelab.doctor.line import Verdict

    if mend:
        _mend(lab)
    lines = []
    for line in _lines(lab, folder):
        lines.append(line)
        if not as_json:
            click.echo(f"{line.verdict:4}  {line.check:<11}  {line.said}" + (f": {line.todo}" if line.todo else ""))
    counts = Counter(line.verdict for line in lines)
    if as_json:
        print_json(
            {"schema": "scalelab.doctor/1", "lab": lab, "lines": [line.to_dict() for line in lines],
             "counts": {verdict: counts[verdict] for verdict in Verdict}}
        )  # fmt: skip
    else:
        click.echo(f"{counts[Verdict.OK]} ok, {counts[Verdict.WARN]} to know, {counts[Verdict.FAIL]} to mend")
    if counts[Verdict.FAIL]:
        ctx.exit(int(ExitCode.FAILED))


def _mend(lab: str | None) -> None:
    from scalelab.cli.labs import lab_at
    from scalelab.lab import control

    if lab is None:
        raise BadInput("--mend without LAB", todo="name the lab whose store is damaged")
    away, kept = control.mend(lab_at(lab).root)
    rows = ", ".join(f"{table} {n}" for table, n in kept.items() if n)
    click.echo(f"kept {rows}; the damaged store lies at {away}", err=True)


def _lines(lab: str | None, folder: Path | None) -> Iterator[Line]:
    if lab is None:
        from scalelab.doctor import terminal
        from scalelab.doctor.examination import examine

        return examine((folder or Path("labs")).expanduser().absolute(), terminal.find())
    if folder is not None:
        raise BadInput("LAB and --folder", todo="--folder belongs to the check of the machine: leave one out")
    from scalelab.cli.labs import lab_at
    from scalelab.doctor.lab import look

    return look(lab_at(lab).root)
