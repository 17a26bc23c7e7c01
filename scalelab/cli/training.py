"""Training as `run` and `resume` show it: here, without this terminal, or looking on while another process trains."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scalelab.cli.labs import short, typed
from scalelab.cli.options import print_json
from scalelab.cli.streams import say
from scalelab.errors import ExitCode, Interrupted, ScalelabError

LOOK_SECONDS = 0.25
"""Between two looks at a lab that another process trains."""

if TYPE_CHECKING:
    from scalelab.lab.control import Owned, Summary
    from scalelab.plan import Plan
    from scalelab.preset import Preset


def detach_from(wanted: Preset | None, lab: Path, as_json: bool) -> None:
    """Have the lab trained by a process of its own, unless one does already; say what serves from here on."""
    from scalelab.cli.live import Lines
    from scalelab.lab import control

    hooks = control.Hooks(on_event=Lines(lab.name).on_event, on_plan=partial(_show_plan, lab))
    try:
        pid, already = control.start_detached(wanted, lab, hooks=hooks), False
    except control.Owned as owned:
        pid, already = _owner_of(owned), True
    if as_json:
        print_json({"schema": "scalelab.started/1", "lab": lab, "pid": pid, "already": already})
        return
    shown = short(lab)
    words = "is trained already, by" if already else "is trained by"
    click.echo(f"{shown} {words} process {pid}, without this terminal")
    click.echo(
        f"  scalelab status {shown}    how far it is\n  scalelab stop {shown}      save and stop\n"
        f"  scalelab fit {shown}       the law so far"
    )


def train_or_look_on(wanted: Preset | None, lab: Path) -> Summary:
    """Train the lab here; where another process does, show what it does."""
    from scalelab.lab import control

    try:
        return _train(wanted, lab)
    except control.Owned as owned:
        return _look_on(lab, _owner_of(owned))


def finish(ctx: click.Context, summary: Summary, lab: Path, as_json: bool) -> None:
    """End the command with the law, and with the exit code of what became of the runs."""
    _tell(summary, lab, as_json)
    if summary.failed or summary.left:
        ctx.exit(int(ExitCode.FAILED))


def _owner_of(owned: Owned) -> int:
    if owned.owner is None or not owned.owner.alive:
        raise owned
    return owned.owner.pid


def _look_on(lab: Path, pid: int) -> Summary:
    """Show a lab that another process trains, until nobody does; nothing here can hold it up."""
    try:
        say(f"process {pid} trains {short(lab)}: this only shows it, and Ctrl-C leaves it training")
        _show_to_its_end(lab)
    except KeyboardInterrupt:
        raise Interrupted(
            f"no longer shown; process {pid} trains on", todo=f"`scalelab stop {short(lab)}` stops it"
        ) from None
    return _as_it_stands(lab)


def _show_to_its_end(lab: Path) -> None:
    from scalelab.cli.live import view
    from scalelab.cli.watching import looks, waiter
    from scalelab.lab.paths import lab_paths
    from scalelab.store.reader import Reader

    paths, seen = lab_paths(lab), view(lab.name)
    try:
        for reader in looks(paths, seconds=LOOK_SECONDS, forever=False, gone=waiter(sys.stderr)):
            seen.on_tick(reader)
        with Reader(paths.store) as reader:
            seen.close(reader)
    finally:
        seen.close()


def _as_it_stands(lab: Path) -> Summary:
    """What a session that another process had has left."""
    from scalelab.lab import control

    found = control.status(lab)
    done, failed, diverged = (found.states.get(state, 0) for state in ("done", "failed", "diverged"))
    total = sum(found.states.values())
    left = total - done - failed - diverged
    return control.Summary(
        total=total,
        done=done,
        failed=failed,
        diverged=diverged,
        left=left,
        seconds=0.0,
        interrupted=left > 0 and not found.problem,
        problem=found.problem,
    )


def _train(wanted: Preset | None, lab: Path) -> Summary:
    from scalelab.cli.unwaited import stderr_unwaited

    with stderr_unwaited():
        return _train_seen(wanted, lab)


def _train_seen(wanted: Preset | None, lab: Path) -> Summary:
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
    say("\n".join([*plan_lines(plan, width), "", f"everything is kept in {short(lab)}", ""]))


def _tell(summary: Summary, lab: Path, as_json: bool) -> None:
    """The law, and what became of the runs."""
    shown = short(lab)
    if summary.problem:
        raise ScalelabError(summary.problem, todo=f"mend it, then `scalelab resume {shown}` goes on")
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
        subject = looked_at(lab_subject(reader, paths.root, stored=True), typed(lab))
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
