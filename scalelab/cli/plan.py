"""`scalelab plan`: the grid and its cost, before a second is spent. Never imports torch."""

from __future__ import annotations

import click

from scalelab.cli.options import example, flags, json_option, preset_options, print_json


@click.command(
    "plan",
    short_help="What would be trained, and what it costs.",
    epilog=example(
        "scalelab plan",
        "scalelab plan --preset gpu --device cuda",
        "scalelab plan --set ladder.shapes=[16x1,32x1,64x2] --set budgets.tokens=[300k,1.2M]",
    ),
)
@preset_options
@json_option
def command(
    preset: str | None,
    overrides: tuple[str, ...],
    device: str | None,
    slots: int | None,
    seeds: tuple[int, ...],
    as_json: bool,
) -> None:
    """Show the grid of a preset: N, D, compute, memory and time of every point on this machine."""
    import shutil

    from scalelab import plan, preset_files
    from scalelab.report.grid import plan_document, plan_lines

    wanted = preset_files.load("tiny" if preset is None else preset, overrides, flags(device, slots, seeds))
    made = plan.make_plan(wanted, plan.choose_device(wanted.hardware))
    if as_json:
        print_json(plan_document(made))
        return
    for line in plan_lines(made, shutil.get_terminal_size().columns):
        click.echo(line)
