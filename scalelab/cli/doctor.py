"""`scalelab doctor`: whether this machine can do what the lab asks of it, and whether labs are whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.cli.streams import say
from scalelab.errors import BadInput, ExitCode, ScalelabError
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.doctor.line import Line


@click.command(
    "doctor",
    short_help="Check this machine, or labs.",
    epilog=example(
        "scalelab doctor", "scalelab doctor --folder /scratch/labs", "scalelab doctor labs/tiny --json",
        "scalelab doctor labs/* --mend",
    ),
)  # fmt: skip
@click.argument("labs", nargs=-1, metavar="[LAB]...")
@click.option("--folder", type=click.Path(path_type=Path), help="Where labs are to lie.  [default: labs]")
@click.option("--mend", is_flag=True, help="Of a store with torn pages keep what reads; the old one stays beside it.")
@json_option
@click.pass_context
def command(ctx: click.Context, labs: tuple[str, ...], folder: Path | None, mend: bool, as_json: bool) -> None:
    """Try what the lab needs, for real: libraries, terminal, memory, folders, and a short training on every device.

    Every device is held against steps in float64 on the CPU, so this is how to prove a GPU; some ten seconds each.
    With LABs, read all of those instead: store, curves, checkpoints, models, tokens. Nothing is changed, and nothing
    that was written stays. Exit code 1 where something fails.
    """
    from scalelab.doctor.line import Verdict

    if labs and folder is not None:
        raise BadInput("LAB and --folder", todo="--folder belongs to the check of the machine: leave one out")
    unmended = _mend(labs) if mend else 0
    documents, counts = [], Counter[Verdict]()
    for lab, lines in _looks(labs, folder):
        if len(labs) > 1 and not as_json:
            click.echo(f"{clean(lab or '', 200)}:")
        for line in lines:
            counts[line.verdict] += 1
            documents.append({**line.to_dict(), **({"lab": lab} if lab else {})})
            if not as_json:
                click.echo(f"{line.verdict:4}  {line.check:<11}  {line.said}" + (f": {line.todo}" if line.todo else ""))
    if as_json:
        print_json(
            {"schema": "scalelab.doctor/1", "lab": labs[0] if len(labs) == 1 else None, "labs": labs,
             "lines": documents, "counts": {verdict: counts[verdict] for verdict in Verdict}}
        )  # fmt: skip
    else:
        click.echo(f"{counts[Verdict.OK]} ok, {counts[Verdict.WARN]} to know, {counts[Verdict.FAIL]} to mend")
    if counts[Verdict.FAIL] or unmended:
        ctx.exit(int(ExitCode.FAILED))


def _mend(labs: tuple[str, ...]) -> int:
    """Mend each; of several one that cannot be mended is told and stops no other: how many those are."""
    from scalelab.cli.labs import lab_at
    from scalelab.lab import control

    if not labs:
        raise BadInput("--mend without LAB", todo="name the labs whose stores may be damaged")
    unmended = 0
    for root in [lab_at(lab).root for lab in labs]:
        try:
            away, kept = control.mend(root)
        except ScalelabError as error:
            if len(labs) == 1:
                raise
            unmended += not isinstance(error, control.NotTorn)
            say(error.line())
            continue
        rows = ", ".join(f"{table} {n}" for table, n in kept.items() if n)
        say(clean(f"{root}: kept {rows}; the damaged store lies at {away}", 600))
    return unmended


def _looks(labs: tuple[str, ...], folder: Path | None) -> Iterator[tuple[str | None, Iterator[Line]]]:
    """The lines of this machine, or of each lab."""
    if not labs:
        from scalelab.doctor import terminal
        from scalelab.doctor.examination import examine

        yield None, examine((folder or Path("labs")).expanduser().absolute(), terminal.find())
        return
    from scalelab.cli.labs import lab_at
    from scalelab.doctor.lab import look

    for lab, root in [(lab, lab_at(lab).root) for lab in labs]:
        yield lab, look(root)
