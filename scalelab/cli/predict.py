"""`scalelab predict`: the loss of a model that nobody has trained, or the best model for a compute budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.cli.sources import source_options
from scalelab.errors import BadInput
from scalelab.units import parse_count

if TYPE_CHECKING:
    from scalelab.report.prediction import Forecast
    from scalelab.report.source import Subject


@click.command(
    "predict",
    short_help="The loss of a run that nobody has trained.",
    epilog=example(
        "scalelab predict labs/tiny --params 10M --tokens 200M",
        "scalelab predict labs/tiny --compute 1e15",
        "scalelab predict labs/tiny --params 1M --tokens 20M --from 120k,1.2M,2.07",
    ),
)
@source_options
@click.option("--params", metavar="N", help="Parameters that do matrix work: 10M.")
@click.option("--tokens", metavar="D", help="Training tokens: 200M.")
@click.option("--compute", metavar="C", help="Training FLOPs, instead of N and D: the best split of them.")
@click.option("--from", "start", metavar="N,D,LOSS", help="A measured run A: P_B from its P_A by the law's ratio.")
@click.option("--law", metavar="NAME", help="This law alone, with the interval of its parameters alone.")
@json_option
def command(
    source: str,
    columns: tuple[str, ...],
    where: tuple[str, ...],
    count: str | None,
    params: str | None,
    tokens: str | None,
    compute: str | None,
    start: str | None,
    law: str | None,
    as_json: bool,
) -> None:
    """Predict by the law of SOURCE, a lab's directory or a CSV: the loss at N and D, or the best N and D at C."""
    target = _target(params, tokens, compute, start)
    from scalelab.cli.sources import open_subject
    from scalelab.report import prediction

    subject = open_subject(source, columns, where, count, law=(law,) if law else (), stored=True)
    forecast = _forecast(subject, target, law)
    if as_json:
        print_json(prediction.document(forecast, subject))
        return
    for line in prediction.lines(forecast, subject):
        click.echo(line)


def _target(params: str | None, tokens: str | None, compute: str | None, start: str | None) -> dict[str, Any]:
    """What is asked, or one line that says how to ask."""
    asks = "--params N --tokens D, or --compute C"
    if compute is not None and (params is not None or tokens is not None):
        raise BadInput("--compute and --params or --tokens were both given", allowed=asks)
    if compute is not None and start is not None:
        raise BadInput("--from needs --params and --tokens, not --compute", allowed=asks)
    if compute is None and (params is None or tokens is None):
        raise BadInput("predict what?", allowed=asks)
    if compute is not None:
        return {"flops": parse_count(compute, "--compute")}
    target: dict[str, Any] = {
        "n_params": parse_count(params or "", "--params"),
        "n_tokens": parse_count(tokens or "", "--tokens"),
    }
    if start is not None:
        parts = start.split(",")
        if len(parts) != 3:
            raise BadInput(f"--from {start!r}", allowed="N,D,LOSS such as 120k,1.2M,2.07")
        names = ("n_params of --from", "n_tokens of --from", "loss of --from")
        target["start"] = tuple(parse_count(part, name) for part, name in zip(parts, names, strict=True))
    return target


def _forecast(subject: Subject, target: dict[str, Any], law: str | None) -> Forecast:
    from scalelab.report import prediction

    if "flops" in target:
        return prediction.for_compute(subject.assessment, target["flops"], law)
    if "start" in target:
        return prediction.from_run(subject.assessment, target["n_params"], target["n_tokens"], target["start"], law)
    return prediction.for_run(subject.assessment, target["n_params"], target["n_tokens"], law)
