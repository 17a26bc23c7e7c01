"""`scalelab fit`: the laws of a lab or of a table of runs, what they are worth and what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scalelab.cli.fitting import card_of, fit_options, fitted
from scalelab.cli.options import example, json_option, print_json
from scalelab.cli.sources import source_options, unfinished_option
from scalelab.errors import BadInput
from scalelab.gate import clean


@click.command(
    "fit",
    short_help="Fit the laws to a lab or a table of runs.",
    epilog=example(
        "scalelab fit labs/tiny",
        "scalelab fit runs.csv --where outlier=0 --objective hoffmann",
        "scalelab fit runs.csv --law chinchilla --fix E=1.69 --interval profile",
        "scalelab fit runs.csv --map N='Model Size' --where 'tokens/n_params < 500' --json > law.json",
    ),
)
@source_options
@unfinished_option
@fit_options
@click.option("--csv", "points", metavar="FILE", help="Write every run with the law, its residual and leverage.")
@click.option("--card", "card_file", metavar="FILE", help="Write the card: how the fit was made, as JSON.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--plot", "plots", multiple=True, metavar="FIGURE",
              help="Draw this: loss-against-compute, surface, residuals, contest, isoflop, optimal or exponents; "
              "may be repeated.")  # fmt: skip
@click.option("--no-plot", is_flag=True, help="Leave the picture out.")
@json_option
def command(
    source: str,
    law: tuple[str, ...],
    objective: str | None,
    fix: tuple[str, ...],
    interval: str,
    level: float,
    points: str | None,
    card_file: str | None,
    force: bool,
    plots: tuple[str, ...],
    no_plot: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Fit the laws to SOURCE: a lab's directory, or a table with columns n_params, tokens, loss (and flops)."""
    from scalelab.cli.files import refuse_overwriting

    if points is not None and card_file is not None and Path(points).resolve() == Path(card_file).resolve():
        raise BadInput(f"--csv and --card are both {clean(points, 200)}", todo="give each a file of its own")
    for target in filter(None, (points, card_file)):
        refuse_overwriting(Path(target), force=force)
    subject = fitted(source, reading, law=law, objective=objective, fix=fix, interval=interval, level=level)
    card = card_of(subject)
    _write(subject, card, points, card_file)
    if as_json:
        from scalelab.report.document import report_document

        print_json(report_document(subject, card))
        return
    from scalelab.report.console import console
    from scalelab.report.terminal import print_report

    print_report(console(), subject, picture=not no_plot, plots=plots, card=card)


def _write(subject: Any, card: Any, points: str | None, card_file: str | None) -> None:
    """The files that were asked for; nothing where there is no law yet."""
    from scalelab.cli.files import save
    from scalelab.report import export
    from scalelab.report.points import point_rows

    if card is None:
        return
    if points is not None:
        rows = point_rows(subject)
        save(Path(points), lambda stream: export.write(rows, export.Format.CSV, stream))
    if card_file is not None:
        import json

        text = json.dumps(card.to_dict(), indent=2, allow_nan=False) + "\n"
        save(Path(card_file), lambda stream: stream.write(text.encode()))
