"""`scalelab presets`: what can be run without writing anything first."""

from __future__ import annotations

import click

from scalelab.cli.options import example, json_option, print_json


@click.group(
    "presets",
    invoke_without_command=True,
    short_help="List, show and check presets.",
    epilog=example("scalelab presets", "scalelab presets show tiny > mine.toml", "scalelab presets check mine.toml"),
)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the shipped presets, show one to begin with, or check your own."""
    if ctx.invoked_subcommand is None:
        _list(as_json)


@command.command("list", epilog=example("scalelab presets list"))
@json_option
def list_presets(as_json: bool) -> None:
    """The presets that come with scalelab."""
    _list(as_json)


@command.command(
    "show",
    epilog=example(
        "scalelab presets show tiny > mine.toml", "scalelab presets show tiny --set ladder.shapes=[16x1,32x1]"
    ),
)
@click.argument("name")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a field; may be repeated.")
@json_option
def show(name: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print a preset as TOML, to look at or to begin with."""
    from scalelab import preset_files
    from scalelab.gate import clean_lines

    preset = preset_files.load(name, overrides)
    if as_json:
        print_json({"schema": "scalelab.preset/1", "preset": preset.model_dump(by_alias=True, exclude_none=True)})
        return
    shipped = preset_files.shipped()
    # A shipped file is shown with its comments, which say where the numbers come from.
    text = shipped[name].read_text("utf-8") if name in shipped and not overrides else preset_files.dumps(preset)
    click.echo(clean_lines(text))


@command.command("check", epilog=example("scalelab presets check mine.toml"))
@click.argument("name")
@json_option
def check(name: str, as_json: bool) -> None:
    """Check a preset and plan it; train nothing."""
    from scalelab import plan, preset_files
    from scalelab.gate import clean

    preset = preset_files.load(name)
    planned = plan.make_plan(preset, plan.choose_device(preset.hardware))
    if as_json:
        print_json(
            {
                "schema": "scalelab.check/1",
                "name": preset.name,
                "good": True,
                "runs": len(planned.cells),
                "warnings": list(planned.warnings),
            }
        )
        return
    click.echo(f"{clean(name, 120)} is good: {len(planned.rungs)} rungs, {len(planned.cells)} points")
    for warning in planned.warnings:
        click.echo(f"  but {clean(warning)}")


def _list(as_json: bool) -> None:
    from scalelab import preset_files
    from scalelab.gate import clean

    presets = {name: preset_files.load(name) for name in preset_files.shipped()}
    if as_json:
        print_json(
            {
                "schema": "scalelab.presets/1",
                "presets": [{"name": name, "description": each.description} for name, each in presets.items()],
            }
        )
        return
    width = max(map(len, presets), default=0)
    for name, each in presets.items():
        click.echo(f"{name:{width}}  {clean(each.description)}")
