"""`scalelab resume`: go on with a lab, here or without this terminal."""

from __future__ import annotations

import click

from scalelab.cli.options import example, json_option


@click.command(
    "resume",
    short_help="Go on with a lab.",
    epilog=example("scalelab resume labs/tiny", "scalelab resume labs/tiny --detach"),
)
@click.argument("lab")
@click.option("--detach", is_flag=True, help="Train on without this terminal; `scalelab status LAB` looks at it.")
@json_option
@click.pass_context
def command(ctx: click.Context, lab: str, detach: bool, as_json: bool) -> None:
    """Train what is left of LAB; finished runs are never trained again.

    Where another process trains it, that one is shown; if it was to end after its current runs, it goes on instead.
    """
    from scalelab.cli.labs import lab_at
    from scalelab.cli.training import detach_from, finish, train_or_look_on
    from scalelab.lab import control

    root = lab_at(lab).root
    if control.status(lab).stopping:
        control.resume(lab)
    if detach:
        detach_from(None, root, as_json)
        return
    finish(ctx, train_or_look_on(None, root), root, as_json)
