"""What the plan's view says: the grid of points, the total, why it cannot start. Lines and sentences, no widget."""

from __future__ import annotations

import os
import shlex
import textwrap
from pathlib import Path

from rich.text import Text

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.plan import Plan, make_plan
from scalelab.report import numbers
from scalelab.report.grid import plan_lines
from scalelab.report.layout import counted, wrapped
from scalelab.tui.snapshot import Snapshot
from scalelab.tui.views.draft import Planned, short_path
from scalelab.tui.views.tasks import LM
from scalelab.units import format_duration

WARN = "color(166)"


def grid(plan: Plan | None, width: int, *, old: bool = False) -> list[Text]:
    """Every point with its cost; `old` says that the values now in the form can no longer be planned."""
    if plan is None:
        return wrapped("No plan yet: a field of the form cannot serve.", width)
    head = [Text("The last plan that could be made:", "bold"), Text()] if old else []
    return head + [_line(line) for line in plan_lines(plan, width)]


def _line(text: str) -> Text:
    if text.startswith("warning:") or text.endswith(" no"):
        return Text(text, WARN)
    head = text.split()[:1] in (["rung"], ["group"])
    return Text(text, "bold" if head else "")


def plan_of(shot: Snapshot) -> tuple[Plan | None, str]:
    """The plan that a lab trains, or why it cannot be told."""
    if shot.elsewhere:
        return None, "The runs of this lab were trained elsewhere and are recorded here: it has no plan of its own. " \
            "Their laws stand in views 3 to 5."  # fmt: skip
    if shot.preset is None or shot.device is None:
        return None, "This lab's preset cannot be read: another version wrote it. Its runs stand in view 2."
    try:
        return make_plan(shot.preset, shot.device, vocab_size=shot.tokens.vocab_size if shot.tokens else None), ""
    except BadInput as problem:
        return None, f"This lab's preset cannot be planned here: {problem.line()}"


def of_lab(shot: Snapshot, plan: Plan | None, why_none: str, width: int) -> list[Text]:
    """The plan that a lab trains, with how far it is."""
    if plan is None:
        return wrapped(clean(why_none, 400), width)
    states = {row.run: str(row.state) for row in shot.rows}
    done = sum(states.get(cell.run) == "done" for cell in plan.cells)
    # At 50 columns the table below has no room for its last column, which says it of every point.
    facts = [f"{done} of {counted(len(plan.cells), 'point')} done", _fits(plan)]
    if shot.preset is not None and shot.preset.task != LM:
        facts.append(shot.preset.task)
    if shot.tokens is not None:
        facts.append(
            f"{clean(shot.tokens.corpus, 60)} in {shot.tokens.vocab_size} {clean(shot.tokens.tokenizer, 20)} tokens"
        )
    return [Text(clean(shot.name, 60), "bold"), *wrapped(" · ".join(facts), width), Text(), *grid(plan, width)]


def going_on(shot: Snapshot) -> str:
    """The command that goes on with a lab, or plays a recording again."""
    if shot.recorded:
        return shlex.join(["scalelab", "replay", *([] if shot.recorded == "-" else [short_path(Path(shot.recorded))])])
    return shlex.join(["scalelab", "run", "--lab", short_path(shot.root)])


def preset_of(shot: Snapshot) -> str:
    """The preset that a new plan like this lab's begins with; of a recording the recorded one's, not its copy's."""
    if shot.recorded == "-":
        return shot.name
    return os.path.relpath((Path(shot.recorded) if shot.recorded else shot.root) / "preset.toml")


def total(now: Planned, said: str = "") -> Text:
    """What the plan comes to, or that it is none."""
    if said:
        return Text(clean(said, 300), WARN if said.startswith("cannot") else "bold")
    plan = now.plan
    if plan is None:
        return Text("Looking for the devices of this machine …") if not now.problems else Text(
            f"No plan: {why_not(now)}", WARN)  # fmt: skip
    bad = any(cell.verdict == "no" for cell in plan.cells)
    groups = f" in {counted(len(plan.preset.groups), 'group')}" if plan.preset.groups else ""
    line = Text.assemble(
        (counted(len(plan.cells), "point") + groups, "bold"), " · ", (f"about {format_duration(plan.seconds)}", "bold"),
        f" on {counted(plan.device.slots, 'slot')} · {numbers.flops(plan.flops)} FLOPs · ",
        (_fits(plan), WARN if bad else ""),
    )  # fmt: skip
    others = [warning for warning in plan.warnings if not (bad and "a slot has" in warning)]
    if now.problems:
        line.append(f"\n{next(iter(now.problems.values()))}", WARN)
    elif others:
        line.append(f"\n{clean(others[0], 300)}", WARN)
    return line


def _fits(plan: Plan) -> str:
    bad = sorted({cell.rung for cell in plan.cells if cell.verdict == "no"})
    tight = sorted({cell.rung for cell in plan.cells if cell.verdict == "tight"})
    return f"no room for {', '.join(bad)}" if bad else f"tight for {', '.join(tight)}" if tight else "all fit"


def command_lines(command: str, width: int, most: int) -> Text:
    """The command for a shell; of a long one the beginning, and how the whole of it can be had."""
    lines = textwrap.wrap(f"$ {clean(command, 8_000)}", max(width, 20), break_on_hyphens=False) if command else []
    if len(lines) > most:
        lines = [*lines[: most - 1], f"… {len(lines) - most + 1} lines more: y copies it all, w saves a preset"]
    return Text("\n".join(lines), "bold")


def why_not(now: Planned) -> str:
    """Why nothing can be started, in one sentence."""
    if now.plan is None and not now.problems:
        return "the devices of this machine are not known yet"
    if now.problems:
        field, problem = next(iter(now.problems.items()))
        return problem if problem.startswith(field) else f"{field}: {problem}"
    return "the plan has no folder"
