"""`scalelab fit`: the laws of a lab or of a CSV file, what they are worth and what they promise."""

from __future__ import annotations

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.cli.sources import source_options


@click.command(
    "fit",
    short_help="Fit the laws to a lab or a CSV of runs.",
    epilog=example(
        "scalelab fit labs/tiny",
        "scalelab fit runs.csv --where outlier=0 --objective hoffmann",
        "scalelab fit runs.csv --column n_params='Model Size' --json > law.json",
    ),
)
@source_options
@click.option("--law", "law", multiple=True, metavar="NAME", help="Only this law; may be repeated.")
@click.option("--objective", metavar="NAME", help="huber, hoffmann or least-squares, for every law.")
@click.option("--no-plot", is_flag=True, help="Leave the picture out.")
@json_option
def command(
    source: str,
    columns: tuple[str, ...],
    where: tuple[str, ...],
    law: tuple[str, ...],
    objective: str | None,
    no_plot: bool,
    as_json: bool,
) -> None:
    """Fit the laws to SOURCE: a lab's directory, or a CSV with columns n_params, tokens, loss (and flops)."""
    from scalelab.cli.sources import open_subject

    subject = open_subject(source, columns, where, law=law, objective=objective)
    if as_json:
        from scalelab.report.document import report_document

        print_json(report_document(subject))
        return
    from scalelab.report.console import console
    from scalelab.report.terminal import print_report

    print_report(console(), subject, picture=not no_plot)
