"""`scalelab sample`: text from a trained rung, which is what the models are for."""

from __future__ import annotations

from typing import Any

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput
from scalelab.gate import clean


class Temperature(click.FloatRange):
    """A range that NaN is not in: no comparison says so by itself."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or click's own refusal."""
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail("nan is not a number", param, ctx)
        return number


@click.command(
    "sample",
    short_help="Text from a trained run.",
    epilog=example(
        "scalelab sample labs/tiny", 'scalelab sample labs/tiny 88x1-D1.2M-s0 --prompt "The state of the union is"'
    ),
)
@click.argument("lab")
@click.argument("run", required=False)
@click.option("--prompt", default="The ", show_default=True, help="What the text begins with.")
@click.option("--tokens", "n", type=click.IntRange(1, 100_000), default=100, show_default=True, metavar="N")
@click.option(
    "--temperature",
    type=Temperature(0, 10),
    default=0.8,
    show_default=True,
    metavar="T",
    help="0 takes the likeliest token each time.",
)
@click.option(
    "--top-k",
    type=click.IntRange(0, 1_000_000),
    default=50,
    show_default=True,
    metavar="K",
    help="Only the K likeliest tokens; 0: all.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, metavar="N")
@json_option
def command(
    lab: str, run: str | None, prompt: str, n: int, temperature: float, top_k: int, seed: int, as_json: bool
) -> None:
    """Let RUN of LAB write on after a prompt; without RUN, the one with the lowest loss."""
    from scalelab.gate import clean_lines
    from scalelab.lab import control

    written = control.sample(lab, run or _best(lab), prompt, n=n, temperature=temperature, top_k=top_k, seed=seed)
    if as_json:
        print_json({"schema": "scalelab.sample/1", **written.to_dict()})
        return
    if run is None:
        click.echo(f"by {clean(written.run, 60)}:", err=True)
    click.echo(clean_lines(written.prompt + written.text))


def _best(lab: str) -> str:
    from scalelab.cli.labs import open_lab

    with open_lab(lab) as reader:
        finals = reader.finals()
    if not finals:
        raise BadInput(f"no run of {clean(lab, 200)} is done yet", todo="`scalelab status` shows how far they are")
    return min(finals, key=lambda final: final.loss).run
