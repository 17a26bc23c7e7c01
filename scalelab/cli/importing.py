"""`scalelab import`: finished runs of elsewhere, into a lab whose laws they are the points of."""

from __future__ import annotations

from dataclasses import asdict

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.cli.sources import read_table, source_options
from scalelab.gate import clean


@click.command(
    "import",
    short_help="Finished runs of elsewhere into a lab.",
    epilog=example(
        "scalelab import outputs --lab labs/mine",
        "scalelab import runs.csv --lab labs/mine --map N='Model Size'",
    ),
)
@source_options
@click.option("--lab", metavar="LAB", required=True, help="A lab of recorded runs; made if there is none.")
@json_option
def command(
    source: str, columns: tuple[str, ...], where: tuple[str, ...], count: str | None, lab: str, as_json: bool
) -> None:
    """Put the runs of SOURCE (a table, or a folder of Trainer, TensorBoard or W&B runs) into LAB and fit its laws.

    What can be fitted can be imported; Trainer runs bring their curves. Runs that are there already are not taken
    twice. A lab that trains its own runs takes none of others: theirs may have other text, tokens and held-out sets.
    """
    from scalelab.lab.importing import import_runs

    found = import_runs(read_table(source, columns, where, count), source, lab)
    if as_json:
        print_json({"schema": "scalelab.import/1", **asdict(found)})
        return
    for note in found.notes:
        click.echo(f"  {clean(note, 300)}", err=True)
    left_out = f", {found.n_excluded} rows left out" if found.n_excluded else ""
    click.echo(f"{len(found.runs)} runs in {clean(lab, 200)}{left_out}")
    click.echo(
        clean(found.fit_problem, 300) if found.fit_problem else f"`scalelab fit {clean(lab, 200)}` shows its law"
    )
