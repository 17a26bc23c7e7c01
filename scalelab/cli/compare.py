"""`scalelab compare`: the groups of a lab, or several labs, beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.units import parse_count

if TYPE_CHECKING:
    from scalelab.laws import RunTable
    from scalelab.records import TokenSet


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
    only exponents do, and the report says so.
    """
    from scalelab.laws import compare

    tables, texts = _gathered(labs)
    if baseline is not None:
        if baseline not in tables:
            raise BadInput(f"--baseline {clean(baseline, 60)!r}", allowed=", ".join(clean(name, 60) for name in tables))
        tables = {baseline: tables[baseline], **tables}
    first = next(iter(tables))
    same = {name for name in tables if texts[name] is not None and texts[name] == texts[first]}
    found = compare(tables, flops=parse_count(compute, "--compute") if compute else None, comparable=same)
    if as_json:
        print_json({"schema": "scalelab.compare/1", **found.to_dict(), "sentences": found.sentences()})
        return
    from scalelab.report.compared import comparison_lines
    from scalelab.report.console import console

    made = console()
    for line in comparison_lines(found, made.width):
        made.print(line, soft_wrap=True)


def _gathered(labs: tuple[str, ...]) -> tuple[dict[str, RunTable], dict[str, tuple[object, ...] | None]]:
    """Each group of runs by name, and what its loss was measured on."""
    from scalelab.cli.labs import open_lab
    from scalelab.lab.table import run_table

    tables: dict[str, RunTable] = {}
    texts: dict[str, tuple[object, ...] | None] = {}
    for lab in labs:
        with open_lab(lab) as reader:
            groups = reader.groups()
            for at, group in enumerate(groups):
                name = _name(Path(lab).resolve().name, group, several=len(labs) > 1)
                if name in tables:
                    raise BadInput(f"two labs are called {clean(name, 60)}", todo="rename one of the folders")
                tables[name] = run_table(reader, group=group)
                kept = reader.meta("tokens" if at == 0 else f"tokens {group}")
                texts[name] = _measured_on(kept)
    if len(tables) < 2:
        raise BadInput(
            f"{clean(labs[0], 200)} has one group of runs", todo="name a second lab, or plan one with [[groups]]"
        )
    return tables, texts


def _name(lab: str, group: str, *, several: bool) -> str:
    return (f"{lab}:{group}" if several else group) if group else lab


def _measured_on(kept: str | None) -> tuple[object, ...] | None:
    """What makes two losses comparable: the held-out text, its tokens, and the tokenizer's size."""
    from scalelab.records import TokenSet

    if kept is None:
        return None
    tokens: TokenSet = TokenSet.from_json(kept)
    return tokens.held_out_tokens, tokens.held_out_bytes, tokens.vocab_size, tokens.tokenizer
