"""`scalelab run`: train a preset's ladder here or detached, show it live, end with the law. Ctrl-C stops cleanly."""

from __future__ import annotations

import os
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scalelab.cli.options import example, flags, json_option, preset_options, print_json
from scalelab.cli.streams import say
from scalelab.errors import BadInput, ExitCode, Interrupted
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.lab.control import Summary
    from scalelab.plan import Plan
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

    The same command goes on where an earlier one stopped; finished runs are never trained again.
    """
    if fresh and folder is not None:
        raise BadInput("--fresh and --lab were both given", allowed="one of them")
    wanted, lab = _wanted(preset, overrides, flags(device, slots, seeds), folder, fresh)
    if detach:
        _detach(wanted, lab, as_json)
        return
    summary = _train(wanted, lab)
    _tell(summary, lab, as_json)
    if summary.failed or summary.left:
        ctx.exit(int(ExitCode.FAILED))


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


def _detach(wanted: Preset | None, lab: Path, as_json: bool) -> None:
    from scalelab.cli.live import Lines
    from scalelab.lab import control

    hooks = control.Hooks(on_event=Lines(lab.name).on_event, on_plan=partial(_show_plan, lab))
    pid = control.start_detached(wanted, lab, hooks=hooks)
    if as_json:
        print_json({"schema": "scalelab.started/1", "lab": lab, "pid": pid})
        return
    shown = _short(lab)
    click.echo(f"training {shown} as process {pid}, without this terminal")
    click.echo(
        f"  scalelab status {shown}    how far it is\n  scalelab stop {shown}      save and stop\n"
        f"  scalelab fit {shown}       the law so far"
    )


def _train(wanted: Preset | None, lab: Path) -> Summary:
    from scalelab.cli.live import view
    from scalelab.lab import control
    from scalelab.lab.paths import lab_paths
    from scalelab.store.reader import Reader

    seen = view(lab.name)
    hooks = control.Hooks(on_event=seen.on_event, on_plan=partial(_show_plan, lab), on_tick=seen.on_tick)
    try:
        summary = control.start(wanted, lab, hooks=hooks)
        with Reader(lab_paths(lab).store) as reader:
            seen.close(reader)
        return summary
    finally:
        seen.close()


def _show_plan(lab: Path, plan: Plan) -> None:
    import shutil

    from scalelab.report.grid import plan_lines

    width = shutil.get_terminal_size().columns
    say("\n".join([*plan_lines(plan, width), "", f"everything is kept in {_short(lab)}", ""]))


def _tell(summary: Summary, lab: Path, as_json: bool) -> None:
    """The law, and what became of the runs."""
    shown = _short(lab)
    if summary.interrupted:
        raise Interrupted(
            f"stopped with {summary.done} of {summary.total} runs done in {shown}", todo="the same command goes on"
        )
    from scalelab.cli.fitting import card_of, looked_at
    from scalelab.cli.sources import lab_subject
    from scalelab.lab.paths import lab_paths
    from scalelab.store.reader import Reader

    paths = lab_paths(lab)
    with Reader(paths.store) as reader:
        subject = looked_at(lab_subject(reader, paths.root, stored=True), _typed(lab))
    card = card_of(subject)
    if as_json:
        from scalelab.report.document import report_document

        print_json(report_document(subject, card) | {"summary": summary.to_dict()})
    else:
        from scalelab.report.console import console
        from scalelab.report.terminal import print_report

        say("")
        print_report(console(), subject, card=card)
    if summary.failed:
        say(f"{summary.failed} of {summary.total} runs failed: `scalelab status {shown}` says why")
    if sys.stderr is not None and sys.stderr.isatty() and not as_json:
        say(f"next:\n  scalelab predict {shown} --params 1M --tokens 20M\n  scalelab sample {shown}")


def _typed(lab: Path) -> str:
    """The folder as the user would type it: from here where it is below, and never as an option."""
    relative = os.path.relpath(lab)
    shown = str(lab) if relative.startswith("..") else relative
    return f"./{shown}" if shown.startswith("-") else shown


def _short(lab: Path) -> str:
    """The same for a shell that takes it as one word."""
    return shlex.quote(clean(_typed(lab), 300))
