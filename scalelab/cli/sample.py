"""`scalelab sample`: text from trained rungs, one or side by side, which is what the models are for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from scalelab.cli.options import example, json_option, print_json
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.records import Evaluation, TokenSet

if TYPE_CHECKING:
    from scalelab.lab.questions import Sample


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
    short_help="Text from trained runs.",
    epilog=example(
        "scalelab sample labs/tiny",
        'scalelab sample labs/tiny 88x1-D1.2M-s0 --prompt "The state of the union is"',
        'scalelab sample labs/tiny --rungs --prompt "The state of the union is"',
    ),
)
@click.argument("lab")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--rungs", is_flag=True, help="The best run of every model size.")
@click.option("--prompt", default="The ", show_default=True, help="What the text begins with, or what a task is asked.")
@click.option("--tokens", "n", type=click.IntRange(1, 100_000), default=100, show_default=True, metavar="N")
@click.option(
    "--temperature",
    type=Temperature(0, 10),
    metavar="T",
    help="0 takes the likeliest token each time.  [default: 0.8, and 0 for answers of a task]",
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
    lab: str, runs: tuple[str, ...], rungs: bool, prompt: str, n: int, temperature: float | None, top_k: int,
    seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Let runs of LAB write on after a prompt, side by side where the terminal is wide enough.

    Without RUN, the one with the lowest loss. A lab that has learnt to translate or to answer is given the prompt as a
    sentence to translate, or a question.
    """
    from scalelab.lab import control

    if rungs and runs:
        raise BadInput("--rungs and RUN were both given", allowed="one of them")
    chosen = list(dict.fromkeys(runs)) or (_rungs(lab) if rungs else [_best(lab)])
    written = control.samples(lab, chosen, prompt, n=n, temperature=temperature, top_k=top_k, seed=seed)
    if as_json:
        print_json(
            {"schema": "scalelab.sample/1", **written[0].to_dict()} if len(written) == 1 and not rungs
            else {"schema": "scalelab.samples/1", "samples": [each.to_dict() for each in written]}
        )  # fmt: skip
        return
    if not runs and not rungs:
        click.echo(f"by {clean(written[0].run, 60)}:", err=True)
    _show(lab, written)


def _show(lab: str, written: Sequence[Sample]) -> None:
    from scalelab.gate import clean_lines
    from scalelab.report.beside import print_beside

    # An answer stands alone; a text goes on where its prompt ends.
    texts = [each.text if _is_task(lab) else each.prompt + each.text for each in written]
    if len(written) == 1:
        click.echo(clean_lines(texts[0]))
        return
    losses = {final.run: final.loss for final in _finals(lab)}
    titles = [f"{each.run} · loss {losses[each.run]:.3f}" if each.run in losses else each.run for each in written]
    print_beside([(clean(title, 60), clean_lines(text)) for title, text in zip(titles, texts, strict=True)])


def _is_task(lab: str) -> bool:
    from scalelab.cli.labs import open_lab

    with open_lab(lab) as reader:
        tokens = reader.meta("tokens")
    return tokens is not None and TokenSet.from_json(tokens).pairs is not None


def _finals(lab: str) -> list[Evaluation]:
    from scalelab.cli.labs import open_lab

    with open_lab(lab) as reader:
        finals = reader.finals()
    if not finals:
        raise BadInput(f"no run of {clean(lab, 200)} is done yet", todo="`scalelab status` shows how far they are")
    return finals


def _best(lab: str) -> str:
    return min(_finals(lab), key=lambda final: final.loss).run


def _rungs(lab: str) -> list[str]:
    """The run with the lowest loss of each rung, smallest first."""
    from scalelab.cli.labs import open_lab

    finals = _finals(lab)
    with open_lab(lab) as reader:
        specs = {row.run: row.spec for row in reader.runs()}
    best: dict[str, Evaluation] = {}
    for final in finals:
        rung = specs[final.run].rung
        if rung not in best or final.loss < best[rung].loss:
            best[rung] = final
    return sorted((each.run for each in best.values()), key=lambda run: specs[run].counts.n_params)
