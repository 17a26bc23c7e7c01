"""`scalelab predict`: the loss of a model that nobody has trained, the best use of a budget, what a loss takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scalelab.cli.options import Function, example, json_option, print_json
from scalelab.cli.questions import Question, question
from scalelab.cli.sources import source_options, unfinished_option
from scalelab.errors import BadInput

if TYPE_CHECKING:
    from scalelab.laws.use.budget import Devices
    from scalelab.records import RunSpec
    from scalelab.report.known import Known, Trained
    from scalelab.report.prediction import Forecast
    from scalelab.report.source import Subject
    from scalelab.store.reader import Reader


def _question_options(function: Function) -> Function:
    """What is asked, and what it would run on."""
    for option in reversed(
        (
            click.option("--params", metavar="N", help="Parameters that do matrix work: 10M."),
            click.option("--tokens", metavar="D", help="Training tokens: 200M."),
            click.option("--compute", metavar="C", help="A budget of training FLOPs: the best N and D for it."),
            click.option("--time", metavar="T", help="A budget of time: 12h; needs --rate, or a lab that measured it."),
            click.option("--money", metavar="M", help="A budget of money: 500; needs --price and --rate."),
            click.option("--loss", metavar="L", help="A wanted loss, nats a token: the cheapest N, D and C."),
            click.option("--from", "start", metavar="N,D,LOSS", help="A measured run A: P_B from P_A by the ratio."),
            click.option("--rate", metavar="R", help="FLOP/s of one device while it trains: 150T."),
            click.option("--utilisation", metavar="U", type=float, help="Share of --rate, where that is a peak: 0.4."),
            click.option("--price", metavar="P", help="Price of one device an hour: 2.5."),
            click.option("--devices", metavar="K", help="How many devices there are.  [default: 1]"),
            click.option("--max-params", metavar="N", help="The largest N that memory holds."),
            click.option("--max-tokens", metavar="D", help="Unique tokens there are."),
        )
    ):
        function = option(function)
    return function


@click.command(
    "predict",
    short_help="The loss of a run that nobody has trained.",
    epilog=example(
        "scalelab predict labs/tiny --params 10M --tokens 200M",
        "scalelab predict labs/tiny --compute 1e15",
        "scalelab predict labs/tiny --params 1M --compute 1e15",
        "scalelab predict runs.csv --money 500 --price 2.5 --devices 8 --rate 400T",
        "scalelab predict labs/tiny --loss 2.5",
        "scalelab predict labs/tiny --params 1M --tokens 20M --from 120k,1.2M,2.07",
    ),
)
@source_options
@_question_options
@unfinished_option
@click.option("--law", metavar="NAME", help="This law alone, with the interval of its parameters alone.")
@json_option
def command(
    source: str,
    columns: tuple[str, ...],
    where: tuple[str, ...],
    count: str | None,
    unfinished: bool,
    law: str | None,
    as_json: bool,
    **asked: Any,
) -> None:
    """Predict by the law of SOURCE, a lab or a table of runs: a run's loss, the best of a budget, or a loss's cost."""
    wanted = question(**asked)
    from scalelab.cli.sources import open_subject
    from scalelab.report import answers, prediction

    subject = open_subject(source, columns, where, count, unfinished, law=(law,) if law else (), stored=True)
    forecast = _answer(subject, wanted, law, _known(source, where, subject))
    if as_json:
        print_json(prediction.document(forecast, subject))
        return
    for line in answers.lines(forecast, subject):
        click.echo(line)


def _answer(subject: Subject, wanted: Question, law: str | None, known: Known) -> Forecast:
    from scalelab.report import prediction

    seen, devices = subject.assessment, _devices(wanted, known)
    n, d, budget = wanted.n_params or 0.0, wanted.n_tokens or 0.0, wanted.budget
    if wanted.kind == "loss":
        return prediction.for_loss(seen, wanted.loss or 0.0, law, devices=devices, known=known)
    if wanted.kind == "ratio" and wanted.start is not None:
        return prediction.from_run(seen, n, d, wanted.start, law, devices=devices, known=known)
    if wanted.kind == "run":
        return prediction.for_run(seen, n, d, law, devices=devices, known=known)
    if wanted.kind == "model":
        return prediction.for_model(seen, n, _flops(budget, devices), law, devices=devices, known=known)
    _flops(budget, devices)  # what is missing of a budget is told in the words of the options
    return prediction.for_budget(
        seen, budget, devices, law, max_params=wanted.max_params, max_tokens=wanted.max_tokens, known=known
    )


def _devices(wanted: Question, known: Known) -> Devices:
    """As the options say; the lab's measured speed where they do not."""
    from scalelab.laws.use.budget import Devices

    rate = known.flops_per_second if wanted.rate is None else wanted.rate
    return Devices(
        flops_per_second=rate, utilisation=wanted.utilisation, price_per_hour=wanted.price, count=wanted.devices
    )


def _flops(budget: dict[str, float], devices: Devices) -> float:
    from scalelab.laws.use.budget import flops_of

    if "compute" not in budget and devices.rate is None:
        raise BadInput(f"--{'time' if 'seconds' in budget else 'money'} needs --rate", todo="give FLOP/s, such as 150T")
    if "money" in budget and devices.price_per_hour is None:
        raise BadInput("--money needs --price", todo="give the price of one device an hour")
    known = {name: budget.get(name) for name in ("compute", "seconds", "money")}
    return flops_of(devices, compute=known["compute"], seconds=known["seconds"], money=known["money"])


def _known(source: str, where: Sequence[str], subject: Subject) -> Known:
    """What a lab measured beside its losses, of the runs that are asked about; nothing of a foreign table."""
    from scalelab.cli.chosen import chosen
    from scalelab.lab.paths import lab_paths
    from scalelab.report.known import NOTHING, Known, link_of, measured_rate
    from scalelab.store.reader import Reader

    folder = Path(source).parent if Path(source).name == "lab.db" else Path(source)
    if not (folder.is_dir() and lab_paths(folder).exists):
        return NOTHING
    with Reader(lab_paths(folder).store) as reader:
        text = chosen(reader, where)
        own = set(subject.runs.run_id)
        link, no_link = link_of([each for each in reader.finals(text.part) if each.run in own])
        specs = {row.run: row.spec for row in reader.runs() if row.spec.group == text.group}
        return Known(
            bytes_per_token=text.bytes_per_token,
            link=link,
            no_link=no_link,
            scores=subject.links,
            target_words=subject.target_words,
            flops_per_second=measured_rate(_trained(reader, specs)),
        )


def _trained(reader: Reader, specs: dict[str, RunSpec]) -> list[Trained]:
    """How far these runs have come."""
    from scalelab.report.known import Trained
    from scalelab.store import columns

    return [
        Trained(spec=specs[run], n_tokens=n_tokens, seconds=seconds)
        for run, (n_tokens, seconds) in columns.spent(reader).items()
        if run in specs
    ]
