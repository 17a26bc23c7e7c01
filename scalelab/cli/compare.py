"""`scalelab compare`: the groups of a lab, or several labs, beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.records import RunKind
from scalelab.units import parse_count

if TYPE_CHECKING:
    from scalelab.laws import RunTable
    from scalelab.records import TokenSet
    from scalelab.store.reader import Reader


@click.command(
    "compare",
    short_help="Groups of a lab, or several labs, beside each other.",
    epilog=example(
        "scalelab compare labs/augment",
        "scalelab compare labs/plain labs/deduplicated --compute 1e18",
    ),
)
@click.argument("labs", nargs=-1, required=True, metavar="LAB...")
@click.option("--compute", metavar="FLOPS", help="The budget to be spent.  [default: ten times the largest run]")
@click.option("--baseline", metavar="NAME", help="The group or lab that others are measured by.  [default: the first]")
@json_option
def command(labs: tuple[str, ...], compute: str | None, baseline: str | None, as_json: bool) -> None:
    """Compare the groups of LAB, or several labs: exponents, loss at equal N and D, what a token of each is worth.

    Losses compare where the held-out text and its tokens are the same, as of all recipes over one corpus; otherwise
    only exponents do, and the report says so. A group without a finished run is left out, by name.
    """
    from scalelab.laws import compare

    tables, texts, left_out = _gathered(labs)
    if baseline is not None:
        _check_baseline(baseline, tables, left_out)
        tables = {baseline: tables[baseline], **tables}
    first = next(iter(tables))
    same = {name for name in tables if texts[name] is not None and texts[name] == texts[first]}
    flops = parse_count(compute, "--compute") if compute else None
    found = compare(tables, flops=flops, comparable=same, left_out=left_out)
    if as_json:
        print_json({"schema": "scalelab.compare/1", **found.to_dict(), "sentences": found.sentences()})
        return
    from scalelab.report.compared import comparison_lines
    from scalelab.report.console import console

    made = console()
    for line in comparison_lines(found, made.width):
        made.print(line, soft_wrap=True)


def _check_baseline(baseline: str, tables: Mapping[str, object], left_out: Mapping[str, str]) -> None:
    if baseline not in tables:
        why = f": {left_out[baseline]}" if baseline in left_out else ""
        names = ", ".join(clean(name, 60) for name in tables)
        raise BadInput(f"--baseline {clean(baseline, 60)!r}{why}", allowed=names)


def _gathered(
    labs: tuple[str, ...],
) -> tuple[dict[str, RunTable], dict[str, tuple[object, ...] | None], dict[str, str]]:
    """Each group of runs by name, what its loss was measured on, and the groups without a finished run with why."""
    from scalelab.cli.labs import open_lab
    from scalelab.lab.table import run_table

    tables: dict[str, RunTable] = {}
    texts: dict[str, tuple[object, ...] | None] = {}
    left_out: dict[str, str] = {}
    for lab in labs:
        with open_lab(lab) as reader:
            groups = reader.groups()
            for at, group in enumerate(groups):
                name = _name(Path(lab).resolve().name, group, several=len(labs) > 1)
                if name in {*tables, *left_out}:
                    raise BadInput(f"two labs are called {clean(name, 60)}", todo="rename one of the folders")
                runs = run_table(reader, group=group)
                if len(runs) == 0:
                    left_out[name] = f"it has no finished run{_states(reader, group)}"
                    continue
                tables[name] = runs
                kept = reader.meta("tokens" if at == 0 else f"tokens {group}")
                texts[name] = _measured_on(kept)
    _check_two(labs, tables, left_out)
    return tables, texts, left_out


def _check_two(labs: tuple[str, ...], tables: Mapping[str, object], left_out: Mapping[str, str]) -> None:
    if len(tables) + len(left_out) < 2:
        raise BadInput(
            f"{clean(labs[0], 200)} has one group of runs", todo="name a second lab, or plan one with [[groups]]"
        )
    if len(tables) < 2:
        told = "; ".join(f"{clean(name, 60)} is left out: {why}" for name, why in left_out.items())
        raise BadInput(f"there are no two groups to compare: {told}", todo="wait until two have a finished run")


def _states(reader: Reader, group: str) -> str:
    """How the runs of a group stand: " (1 running, 19 planned)"."""
    rows = [row for row in reader.runs() if row.spec.group == group and row.spec.kind is not RunKind.TRUNK]
    counts = Counter(row.state for row in rows)
    return f" ({', '.join(f'{n} {state}' for state, n in counts.most_common())})" if rows else ""


def _name(lab: str, group: str, *, several: bool) -> str:
    return (f"{lab}:{group}" if several else group) if group else lab


def _measured_on(kept: str | None) -> tuple[object, ...] | None:
    """What makes two losses comparable: the held-out text, its tokens, and the tokenizer's size."""
    from scalelab.records import TokenSet

    if kept is None:
        return None
    tokens: TokenSet = TokenSet.from_json(kept)
    return tokens.held_out_tokens, tokens.held_out_bytes, tokens.vocab_size, tokens.tokenizer
