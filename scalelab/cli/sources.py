"""SOURCE of `fit` and `predict`: a lab's directory or a CSV file of runs, as one subject."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scalelab.cli.options import Function
from scalelab.cli.streams import say
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.units import format_count, format_duration

if TYPE_CHECKING:
    from scalelab.laws import Assessment, RunTable
    from scalelab.report.source import Subject
    from scalelab.store.reader import Reader

QUANTITIES = ("n_params", "n_tokens", "loss", "flops", "run_id")

MANY, RUNS_A_SECOND = 20_000, 2_500
"""Runs from which the fits take long enough to be announced, and how fast they go: about linear, on one core."""
_SOURCES = "a lab's directory, or a CSV with n_params, tokens, loss"


def source_options(function: Function) -> Function:
    """The argument, and how a foreign file's columns are named."""
    for option in reversed(
        (
            click.argument("source", metavar="SOURCE"),
            click.option(
                "--column",
                "columns",
                metavar="QUANTITY=HEADING",
                multiple=True,
                help="What a column of the CSV holds, where the guess is wrong: n_params='Model Size'.",
            ),
            click.option(
                "--where",
                "where",
                metavar="HEADING=VALUE",
                multiple=True,
                help="Read only rows of the CSV with this value: outlier=0.",
            ),
        )
    ):
        function = option(function)
    return function


def open_subject(
    source: str,
    columns: Sequence[str] = (),
    where: Sequence[str] = (),
    *,
    law: Sequence[str] = (),
    objective: str | None = None,
    stored: bool = False,
) -> Subject:
    """The runs of a source and what the laws say of them.

    With `stored`, a lab's own last fit serves when it is of all its runs: reading it loads no scipy.
    """
    options: dict[str, Any] = {"objective": objective}
    if law:
        options["laws"] = tuple(law)
    if not source.strip():
        raise BadInput("SOURCE is empty", allowed=_SOURCES)
    if Path(source).is_dir() or Path(source).name == "lab.db":
        if columns or where:
            raise BadInput("--column and --where are for CSV files", todo=f"{clean(source, 120)} is a lab")
        return _lab(source, options, stored)
    return _file(source, columns, where, options)


def _file(source: str, columns: Sequence[str], where: Sequence[str], options: dict[str, Any]) -> Subject:
    from scalelab import laws
    from scalelab.report.source import Subject

    if not Path(source).exists():
        raise BadInput(f"there is no lab and no file at {clean(source, 200)}", allowed=_SOURCES)
    runs = laws.read_runs(source, columns=_pairs(columns, "--column"), where=_pairs(where, "--where"))
    if len(runs) > MANY:
        say(f"{len(runs)} runs: their laws take about {format_duration(len(runs) / RUNS_A_SECOND)}")
    seen = laws.assess(runs, **options)
    if seen.best is None:
        raise BadInput(f"{clean(Path(source).name, 120)}: {seen.verdicts[0]}", todo=_first_left_out(seen))
    return Subject(name=Path(source).name, path=source, runs=runs, assessment=seen)


def _first_left_out(seen: Assessment) -> str:
    """How many rows were no runs, and why the first was not: perhaps that is all that is wrong."""
    if not seen.excluded:
        return ""
    first = seen.excluded[0]
    return f"{seen.n_excluded} left out, the first in line {first.line}: {first.reason}"


def _lab(source: str, options: dict[str, Any], stored: bool) -> Subject:
    from scalelab.lab.paths import lab_paths
    from scalelab.store.reader import Reader

    folder = Path(source).parent if Path(source).name == "lab.db" else Path(source)
    paths = lab_paths(folder)
    if not paths.exists:
        raise BadInput(f"{clean(source, 200)} is not a lab", allowed="a directory that `scalelab run` made, or a CSV")
    with Reader(paths.store) as reader:
        return lab_subject(reader, paths.root, options, stored=stored)


def lab_subject(reader: Reader, root: Path, options: dict[str, Any] | None = None, *, stored: bool = False) -> Subject:
    """The finished runs of an open lab and what the laws say of them."""
    from scalelab.lab.table import run_table
    from scalelab.report.source import Subject

    runs = run_table(reader)
    asked = {key: value for key, value in (options or {}).items() if value}
    kept = _stored(reader, runs) if stored and not asked else None
    names = {row.run: row.spec.rung for row in reader.runs()}
    # Later rows are later predictions: the last one before a run's end is the one that counts.
    foretold = {each.run: each for each in reader.predictions() if each.observed is not None}
    return Subject(
        name=root.name,
        path=str(root),
        runs=runs,
        assessment=kept or _assess(reader, runs, asked),
        rung_names=names,
        foretold=tuple(foretold.values()),
        facts=tuple(_facts(reader)),
    )


def _assess(reader: Reader, runs: RunTable, options: dict[str, Any]) -> Assessment:
    from scalelab import laws

    pairs = sorted({(float(row.spec.counts.n_params), row.spec.flops_per_token) for row in reader.runs()})
    return laws.assess(runs, flops_per_token=pairs or None, **options)


def _stored(reader: Reader, runs: RunTable) -> Assessment | None:
    """The lab's last fit, where it is of these runs and still says of them what it said when it was made."""
    from scalelab.laws import Assessment

    row = reader.latest_fit()
    seen = Assessment.from_json(row.json) if row else None
    if seen is None or seen.best is None or seen.n_excluded != runs.n_excluded:
        return None
    return seen if _agrees(seen, runs) else None


def _agrees(seen: Assessment, runs: RunTable) -> bool:
    """Whether the best law, evaluated now, leaves its stored residuals: another version may read it otherwise."""
    import numpy as np

    fit = seen.fit()
    if fit.run_id != runs.run_id:
        return False
    with np.errstate(all="ignore"):
        now = np.log(runs.loss) - np.log(fit.loss(runs.n_params, runs.n_tokens))
    return bool(np.allclose(now, fit.residuals, atol=1e-6))


def _facts(reader: Reader) -> list[str]:
    """What else a reader of the report wants to know: where it was trained, and on what."""
    from scalelab.records import DeviceInfo, TokenSet

    facts = []
    if device := reader.meta("device"):
        facts.append(DeviceInfo.from_json(device).label)
    if tokens := reader.meta("tokens"):
        kept = TokenSet.from_json(tokens)
        facts.append(f"{kept.corpus} in {kept.vocab_size} {kept.tokenizer} tokens")
        facts.append(f"{format_count(kept.held_out_tokens)} tokens held out")
    return facts


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            raise BadInput(f"{option} {clean(each, 80)!r}", allowed="NAME=VALUE")
        pairs[key.strip()] = value
    return pairs
