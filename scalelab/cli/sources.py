"""SOURCE of `fit`, `predict` and `report`: a lab, or somebody else's table or folder of runs, as one subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scalelab.cli.chosen import Chosen, chosen
from scalelab.cli.options import Function
from scalelab.cli.streams import say
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.units import format_count, format_duration

if TYPE_CHECKING:
    from scalelab.laws import Assessment, RunTable
    from scalelab.report.source import Subject
    from scalelab.store.reader import Reader

MANY, RUNS_A_SECOND = 200_000, 50_000
"""Runs from which the fits take long enough to be announced, and how fast they go: about linear, on one core."""
_SOURCES = "a lab's directory, a table of runs (CSV, TSV, Parquet, JSON lines) or a folder of them"


class _Renamed(click.Option):
    """An option whose former name still works and is no longer shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The line of the help, with the first name only."""
        record = super().get_help_record(ctx)
        return record and (record[0].replace(f", {self.opts[1]}", ""), record[1])


def source_options(function: Function) -> Function:
    """The argument, how a foreign table's columns are named, which of its rows are read, and how N is counted."""
    for option in reversed(
        (
            click.argument("source", metavar="SOURCE"),
            click.option(
                "--map",
                "--column",
                "columns",
                cls=_Renamed,
                metavar="QUANTITY=HEADING",
                multiple=True,
                help="What a column holds, where the guess is wrong: N='Model Size', D=tokens, L=eval/loss, C=flops.",
            ),
            click.option(
                "--where",
                "where",
                metavar="CONDITION",
                multiple=True,
                help="Only these runs: outlier=0, 'tokens/n_params between 1 and 500'; all must hold. Of a lab also "
                "group=NAME, and of a mixture part=CORPUS: the losses on that part's held-out text.",
            ),
            click.option("--count", "count", metavar="NAME", help="Which count of N: n_total, n_blocks, or a column."),
        )
    ):
        function = option(function)
    return function


def unfinished_option(function: Function) -> Function:
    """Whether a lab's runs under way are points too."""
    words = "Of a lab, runs under way too, as their curves foretell their ends."
    return click.option("--unfinished", is_flag=True, help=words)(function)


def open_subject(
    source: str,
    columns: Sequence[str] = (),
    where: Sequence[str] = (),
    count: str | None = None,
    unfinished: bool = False,
    *,
    law: Sequence[str] = (),
    objective: str | None = None,
    fix: Mapping[str, float] | None = None,
    level: float | None = None,
    stored: bool = False,
) -> Subject:
    """The runs of a source and what the laws say of them.

    With `stored`, a lab's own last fit serves when it is of all its runs: reading it loads no scipy.
    """
    options: dict[str, Any] = {"laws": tuple(law), "objective": objective, "fix": fix, "level": level}
    options = {name: value for name, value in options.items() if value}
    if not source.strip():
        raise BadInput("SOURCE is empty", allowed=_SOURCES)
    folder = Path(source).parent if Path(source).name == "lab.db" else Path(source)
    if _is_lab(folder):
        if columns:
            raise BadInput("--map is for CSV files", todo=f"{clean(source, 120)} is a lab")
        return _lab(folder, options, where, count, stored, unfinished)
    if folder != Path(source):
        raise _no_lab(source)
    if unfinished:
        raise BadInput("--unfinished is for labs", todo="a table holds the losses that its runs ended with")
    return _table(source, columns, where, count, options)


def reading_words(
    columns: Sequence[str] = (), where: Sequence[str] = (), count: str | None = None, unfinished: bool = False
) -> list[str]:
    """The options with which the same runs are read again in a shell, not yet quoted."""
    pairs = [("--map", each) for each in columns] + [("--where", each) for each in where]
    words = [word for pair in (*pairs, *([("--count", count)] if count else [])) for word in pair]
    return [*words, "--unfinished"] if unfinished else words


def reading_code(
    columns: Sequence[str] = (), where: Sequence[str] = (), count: str | None = None, unfinished: bool = False
) -> str:
    """The same as further arguments of `laws.read_runs`: ", columns={…}, where=[…], count='…'"."""
    given = {"columns": _pairs(columns, "--map"), "where": list(where), "count": count, "unfinished": unfinished}
    return "".join(f", {name}={value!r}" for name, value in given.items() if value)


def _is_lab(folder: Path) -> bool:
    from scalelab.lab.paths import lab_paths

    return folder.is_dir() and lab_paths(folder).exists


def _no_lab(source: str) -> BadInput:
    return BadInput(
        f"{clean(source, 200)} is not a lab",
        allowed="a directory that `scalelab run` made, a folder of runs with trainer_state.json or TensorBoard event "
        "files, or a table of runs",
    )


def read_table(source: str, columns: Sequence[str], where: Sequence[str], count: str | None) -> RunTable:
    """The runs of a table or of a folder that is no lab."""
    from scalelab import laws
    from scalelab.laws.reading.folders import NoRuns

    if not Path(source).exists():
        raise BadInput(f"there is no lab and no file at {clean(source, 200)}", allowed=_SOURCES)
    try:
        return laws.read_runs(source, columns=_pairs(columns, "--map"), where=where, count=count)
    except NoRuns:
        raise _no_lab(source) from None


def _table(
    source: str, columns: Sequence[str], where: Sequence[str], count: str | None, options: dict[str, Any]
) -> Subject:
    from scalelab import laws
    from scalelab.report.source import Subject

    runs = read_table(source, columns, where, count)
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
    where = f"in line {first.line}" if first.line is not None else clean(first.run, 60)
    return f"{seen.n_excluded} left out, the first {where}: {first.reason}"


def _lab(
    folder: Path, options: dict[str, Any], where: Sequence[str], count: str | None, stored: bool, unfinished: bool
) -> Subject:
    from scalelab.lab.paths import lab_paths
    from scalelab.store.reader import Reader

    paths = lab_paths(folder)
    with Reader(paths.store) as reader:
        return lab_subject(reader, paths.root, options, where=where, count=count, stored=stored, unfinished=unfinished)


def lab_subject(
    reader: Reader,
    root: Path,
    options: dict[str, Any] | None = None,
    *,
    where: Sequence[str] = (),
    count: str | None = None,
    stored: bool = False,
    unfinished: bool = False,
) -> Subject:
    """The finished runs of an open lab, with `unfinished` those under way too, and what the laws say of them."""
    from scalelab.lab.table import run_table
    from scalelab.report.scores import links
    from scalelab.report.source import Subject

    text = chosen(reader, where)
    group, part = text.group, text.part
    if part is not None and unfinished:
        raise BadInput("--unfinished with a part", todo="curves foretell the mixture's loss: leave one of them out")
    runs = _filtered(run_table(reader, group=group, part=part, unfinished=unfinished), text.where, count)
    own = set(runs.run_id)
    scores = tuple(each for each in reader.scores() if each.run in own)
    asked = {key: value for key, value in (options or {}).items() if value}
    kept = _stored(reader, runs, group) if stored and not (asked or text.where or part or count or unfinished) else None
    names = {row.run: row.spec.rung for row in reader.runs() if row.spec.group == group}
    # Later rows are later predictions: the last one before a run's end is the one that counts.
    foretold = {each.run: each for each in reader.predictions() if each.observed is not None and each.run in names}
    return Subject(
        name=" ".join(filter(None, (root.name, group, part and f"on {part}"))),
        path=str(root),
        runs=runs,
        assessment=kept or _assess(reader, runs, asked),
        rung_names=names,
        origins={row.run: row.spec.origin for row in reader.runs() if row.spec.origin},
        foretold=() if part else tuple(foretold.values()),
        facts=tuple(_facts(reader, text)),
        scores=scores,
        links=links(reader.finals(), scores),
        parts=tuple(each for each in reader.parts() if each.run in own),
        target_words="target token" if text.tokens is not None and text.tokens.pairs is not None else "token",
    )


def _filtered(runs: RunTable, where: Sequence[str], count: str | None) -> RunTable:
    """A lab's runs for which the conditions hold, with the count of N that was asked for."""
    if where:
        from scalelab.laws.reading.where.choosing import choose

        try:
            runs = choose(runs, where)
        except BadInput as problem:
            raise BadInput(problem.what, allowed=problem.allowed, todo="other columns are for CSV files") from None
    return runs.recounted(count) if count else runs


def _assess(reader: Reader, runs: RunTable, options: dict[str, Any]) -> Assessment:
    from scalelab import laws

    counts = attrgetter(runs.count_name)
    pairs = sorted({(float(counts(row.spec.counts)), row.spec.flops_per_token) for row in reader.runs()})
    return laws.assess(runs, flops_per_token=pairs or None, **options)


def _stored(reader: Reader, runs: RunTable, group: str) -> Assessment | None:
    """The lab's last fit, where it is of these runs and still says of them what it said when it was made."""
    from scalelab.laws import Assessment

    row = reader.latest_fit(group)
    seen = Assessment.kept(row.json) if row else None
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


def _facts(reader: Reader, text: Chosen) -> list[str]:
    """What else a reader of the report wants to know: where it was trained, and on what."""
    from scalelab.records import DeviceInfo

    facts = []
    if device := reader.meta("device"):
        facts.append(DeviceInfo.from_json(device).label)
    groups = reader.groups()
    if len(groups) > 1:
        facts.append(f"group {text.group} of {', '.join(groups)}: `--where group=NAME` shows another")
    if kept := text.tokens:
        facts.append(f"{kept.corpus} in {kept.vocab_size} {kept.tokenizer} tokens")
        facts.append(f"{format_count(kept.held_out_tokens)} tokens held out")
        if kept.pairs is not None:
            facts.append(f"{kept.pairs.task}: losses are of target tokens, D counts every token that the loop saw")
    return facts + text.words()


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            raise BadInput(f"{option} {clean(each, 80)!r}", allowed="NAME=VALUE")
        pairs[key.strip()] = value
    return pairs
