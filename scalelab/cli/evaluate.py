"""`scalelab evaluate`: finished models of anybody's on a lab's held-out text, beside what its law says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.cli.streams import say
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.units import format_count, parse_count

if TYPE_CHECKING:
    from rich.table import Table

    from scalelab.lab.evaluating import Evaluated


@click.command(
    "evaluate",
    short_help="Score finished models on a lab's held-out text.",
    epilog=example(
        "scalelab evaluate labs/wikitext --models EleutherAI/pythia-70m,EleutherAI/pythia-160m",
        "scalelab evaluate labs/mine --models ./my-model --tokens ./my-model=3B --join",
    ),
)
@click.argument("lab")
@click.option(
    "--models", "given", metavar="A,B", multiple=True, required=True, help="Ids of the hub or folders; may be repeated."
)
@click.option(
    "--tokens",
    "seen",
    metavar="MODEL=D",
    multiple=True,
    help="Tokens that a model was trained on, where that is not published.",
)
@click.option("--context", type=click.IntRange(2, 1_000_000), metavar="N", help="Tokens read at once.  [default: 1024]")
@click.option("--group", metavar="NAME", help="The text of this group.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:0 or mps.")
@click.option("--join", is_flag=True, help="Put them among the lab's runs: points of its law, marked as evaluated.")
@json_option
def command(
    lab: str,
    given: tuple[str, ...],
    seen: tuple[str, ...],
    context: int | None,
    group: str | None,
    device: str,
    join: bool,
    as_json: bool,
) -> None:
    """Score any causal language model of the hub or a folder on LAB's held-out text.

    N is counted as for the lab's own runs. The loss is nats of the whole text over the lab's tokens of it, so that
    models of any tokenizer stand beside the law. Weights are read from safetensors alone; no model's own code is run.
    """
    from scalelab.lab import control

    models = list(dict.fromkeys(name.strip() for text in given for name in text.split(",") if name.strip()))
    if not models:
        raise BadInput("--models names none", allowed="ids of the hub or folders")
    found = control.evaluate(
        lab, models, tokens=_tokens(seen), context=context, device=device, group=group, join=join,
        told=lambda name: say(f"scoring {clean(name, 120)}"),
    )  # fmt: skip
    if as_json:
        print_json({"schema": "scalelab.evaluate/1", "models": [each.to_dict() for each in found]})
        return
    from scalelab.report.console import console
    from scalelab.report.layout import counted

    console().print(_table(found))
    if join:
        click.echo(f"{counted(len(found), 'point')} more: `scalelab fit {clean(lab, 200)}` shows the law with them")


def _tokens(given: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for each in given:
        name, equals, count = each.rpartition("=")
        if not equals or not name.strip():
            raise BadInput(f"--tokens {clean(each, 80)!r}", allowed="MODEL=D, such as gpt2=10B")
        found[name.strip()] = parse_count(count, f"--tokens of {clean(name, 60)}")
    return found


def _table(found: list[Evaluated]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_edge=False)
    for name in ("model", "N", "D", "loss", "bits/byte", "ppl", "right", "the law says"):
        first = name == "model"
        table.add_column(Text(name), justify="left" if first else "right", no_wrap=not first, overflow="fold")
    for each in found:
        said = "–" if each.predicted is None else "{:.3f} [{:.3f}, {:.3f}]".format(*each.predicted)
        table.add_row(
            Text(clean(each.model, 60)), Text(format_count(float(each.counts.n_params))),
            Text("?" if each.n_tokens is None else format_count(each.n_tokens)), Text(f"{each.loss:.4f}"),
            Text(f"{each.bits_per_byte:.4f}"), Text(f"{each.perplexity:.4g}"), Text(f"{each.accuracy:.1%}"), Text(said),
        )  # fmt: skip
    return table
