"""`scalelab run`: train a preset's ladder here or detached, show it live, end with the law. Ctrl-C stops cleanly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scalelab.cli.options import example, flags, json_option, preset_options
from scalelab.cli.training import detach_from, finish, train_or_look_on
from scalelab.errors import BadInput
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.preset import Preset


@click.command(
    "run",
    short_help="Train a ladder and fit its law.",
    epilog=example(
        "scalelab run",
        "scalelab run --preset laptop --detach",
        "scalelab run --preset tiny --set evaluation.points=8 --seed 1 --lab labs/try",
        "scalelab run --json > law.json",
    ),
)
@preset_options
@click.option("--lab", "folder", metavar="DIR", help="Where everything is kept.  [default: labs/<preset>]")
@click.option("--fresh", is_flag=True, help="Begin a new lab beside the one that is there: labs/<preset>-2.")
@click.option("--detach", is_flag=True, help="Train on without this terminal; `scalelab status LAB` looks at it.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    preset: str | None,
    overrides: tuple[str, ...],
    device: str | None,
    slots: int | None,
    seeds: tuple[int, ...],
    folder: str | None,
    fresh: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Train a preset's ladder in the background, refit after every run, and print the law.

    The same command goes on where an earlier one stopped; finished runs are never trained again. Where another process
    trains the lab, that one is shown.
    """
    if fresh and folder is not None:
        raise BadInput("--fresh and --lab were both given", allowed="one of them")
    wanted, lab = _wanted(preset, overrides, flags(device, slots, seeds), folder, fresh)
    if detach:
        detach_from(wanted, lab, as_json)
        return
    finish(ctx, train_or_look_on(wanted, lab), lab, as_json)


def _wanted(
    preset: str | None, overrides: tuple[str, ...], changes: dict[str, Any], folder: str | None, fresh: bool
) -> tuple[Preset | None, Path]:
    """The preset to train, None for the lab's own, and the folder of the lab."""
    from scalelab import preset_files
    from scalelab.lab.paths import lab_paths

    if folder is not None and preset is None and lab_paths(folder).exists:
        return _own(folder, overrides, changes), lab_paths(folder).root
    wanted = preset_files.load("tiny" if preset is None else preset, overrides, changes)
    root = lab_paths(folder if folder is not None else Path("labs") / wanted.name).root
    return wanted, _beside(root) if fresh else root


def _own(folder: str, overrides: tuple[str, ...], changes: dict[str, Any]) -> Preset | None:
    """A lab's own preset, on another device where one is asked for."""
    from scalelab import preset_files
    from scalelab.lab import control

    if overrides or changes["seeds"]:
        raise BadInput(
            f"lab {clean(folder, 200)} has a preset of its own, which --set and --seed cannot change",
            todo="choose a new folder with --lab",
        )
    asked = {key.partition(".")[2]: value for key, value in changes.items() if value is not None}
    if not asked:
        return None
    tables = control.stored_preset(folder).model_dump(exclude_none=True, by_alias=True)
    return preset_files.parse({**tables, "hardware": {**tables.get("hardware", {}), **asked}}, folder)


def _beside(root: Path) -> Path:
    number = 2
    while root.exists():
        root = root.with_name(f"{root.name.rpartition('-')[0] if number > 2 else root.name}-{number}")
        number += 1
    return root
