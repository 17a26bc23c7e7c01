"""`scalelab doctor`: whether this machine can do what the lab asks of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import ExitCode


@click.command(
    "doctor",
    short_help="Check this machine.",
    epilog=example("scalelab doctor", "scalelab doctor --folder /scratch/labs", "scalelab doctor --json"),
)
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("labs"), help="Where labs are to lie.  [default: labs]"
)
@json_option
@click.pass_context
def command(ctx: click.Context, folder: Path, as_json: bool) -> None:
    """Try what the lab needs, for real: libraries, terminal, memory, folders, and a short training on every device.

    Every device is held against steps in float64 on the CPU, so this is how to prove a GPU. Takes some ten seconds a
    device and writes nothing that stays. Exit code 1 where something fails.
    """
    from scalelab.doctor import terminal
    from scalelab.doctor.examination import examine
    from scalelab.doctor.line import Verdict

    lines = []
    for line in examine(folder.expanduser().absolute(), terminal.find()):
        lines.append(line)
        if not as_json:
            click.echo(f"{line.verdict:4}  {line.check:<11}  {line.said}" + (f": {line.todo}" if line.todo else ""))
    counts = Counter(line.verdict for line in lines)
    if as_json:
        print_json(
            {"schema": "scalelab.doctor/1", "lines": [line.to_dict() for line in lines],
             "counts": {verdict: counts[verdict] for verdict in Verdict}}
        )  # fmt: skip
    else:
        click.echo(f"{counts[Verdict.OK]} ok, {counts[Verdict.WARN]} to know, {counts[Verdict.FAIL]} to mend")
    if counts[Verdict.FAIL]:
        ctx.exit(int(ExitCode.FAILED))
