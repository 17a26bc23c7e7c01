"""`scalelab export`: a lab's tables as CSV, Parquet or JSON, for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalelab.cli.files import refuse_overwriting, save
from scalelab.cli.options import example
from scalelab.errors import BadInput
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.report.export import Format, Row, Table


@click.command(
    "export",
    short_help="A lab's tables as CSV, Parquet or JSON.",
    epilog=example(
        "scalelab export labs/tiny > runs.csv",
        "scalelab export labs/tiny -o runs.parquet",
        "scalelab export labs/tiny --table curves --format json -o curves.json",
    ),
)
@click.argument("lab")
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet", "json"]), help="Unset: by the name of -o, else csv."
)
@click.option("--table", type=click.Choice(["runs", "curves", "evaluations"]), default="runs", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write here instead of stdout.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(lab: str, form: str | None, table: str, output: str | None, force: bool, as_json: bool) -> None:
    """Write a table of LAB: runs (the points of the law; `scalelab fit` reads it back), curves or evaluations."""
    from scalelab.cli.labs import open_lab
    from scalelab.report import export

    chosen, which = _format(form, output, as_json), export.Table(table)
    if output is not None:
        refuse_overwriting(Path(output), force=force)
    if output is None and chosen is export.Format.PARQUET and sys.stdout.isatty():
        raise BadInput("Parquet is not for a terminal", todo="give a file: -o runs.parquet")
    with open_lab(lab) as reader:
        rows = export.rows_of(reader, which)
    if output is None:
        export.write(rows, chosen, sys.stdout.buffer, which)
        sys.stdout.buffer.flush()
        return
    _save(rows, chosen, Path(output), which)
    click.echo(f"{len(rows)} rows in {clean(output, 200)}", err=True)


def _format(form: str | None, output: str | None, as_json: bool) -> Format:
    from scalelab.report.export import Format

    if as_json and form not in {None, "json"}:
        raise BadInput(f"--json and --format {form} were both given", allowed="one of them")
    if form or as_json:
        return Format(form or "json")
    suffix = Path(output or "").suffix.lower().removeprefix(".")
    return Format(suffix) if suffix in set(Format) else Format.CSV


def _save(rows: list[Row], form: Format, target: Path, table: Table) -> None:
    from scalelab.report import export

    save(target, lambda stream: export.write(rows, form, stream, table))
