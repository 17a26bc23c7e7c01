"""The predict view in words: the answer, what was foretold and came, which run would teach most."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.text import Text

from scalelab.gate import clean
from scalelab.report import answers, checks, findings, numbers
from scalelab.report.layout import Lines, heading, table, wrapped
from scalelab.report.source import Subject
from scalelab.store.rows import PredictionRow
from scalelab.tui.snapshot import Snapshot
from scalelab.tui.views.law_words import nothing
from scalelab.tui.views.question import Answered
from scalelab.tui.views.subject import here

WARN = "color(166)"


def answer(found: Answered, subject: Subject, width: int, no_link: str = "", *, stale: bool = False) -> Lines:
    """The answer to the question, and which run would teach most; dim while it answers the question before."""
    if found.forecast is None:
        said = wrapped("No answer: a field cannot serve." if found.problems else "Asking the law …", width)
    else:
        told = _joined(answers.lines(found.forecast, subject))
        said = [line for each in told for line in _broken(each, width)]
        said += wrapped(f"no accuracy: {clean(no_link, 200)}", width, hang=2) if no_link else []
    after = findings.what_next(subject.assessment, width)
    if stale:
        for line in said:
            line.stylize("dim")
    return [*said, Text(), *after] if after else said


def foretold(shot: Snapshot, subject: Subject, width: int) -> Lines:
    """What was predicted before runs ended and how it came out; what is predicted of those that have not ended."""
    last = {each.run: each for each in shot.foretold}
    if not last:
        words = "Nothing yet: once there is a law, every run is predicted before it ends, and scored after."
        return [heading("Predicted before they ended"), *wrapped(f"  {words}", width, hang=2)]
    came = [each for each in last.values() if each.observed is not None]
    open_ = [each for each in last.values() if each.observed is None]
    said = [heading("Predicted before they ended, and what came")]
    said += table(_rows(came, came=True), left={0}, width=width) if came else wrapped("  None has ended yet.", width)
    said += _checked(subject, width)
    if open_:
        said += [
            Text(),
            heading("Predicted of runs that have not ended"),
            *table(_rows(open_, came=False), left={0}, width=width),
        ]
    return said


def empty(shot: Snapshot, width: int) -> Lines:
    """Before there is a law."""
    return nothing(shot, width)


def _rows(told: Sequence[PredictionRow], *, came: bool) -> list[list[str]]:
    rows = [["run", "predicted", *(["came", "miss", "inside"] if came else [])]]
    for each in told:
        row = [clean(each.run, 24), numbers.interval(each.loss, each.low, each.high)]
        if each.observed is not None and each.miss is not None:
            row += [f"{each.observed:.4f}", numbers.percent(each.miss), "yes" if each.inside else "no"]
        rows.append(row)
    return rows


def _checked(subject: Subject, width: int) -> Lines:
    """The sentence about all of them, and the checks on runs held back."""
    lines = checks.honest_check(subject, width)
    return [Text(), *lines] if lines else []


def _joined(lines: Sequence[str]) -> list[str]:
    """Sentences that were broken for paper, whole again."""
    whole: list[str] = []
    for line in lines:
        opens = bool(whole) and whole[-1].startswith(("Predictions:", "  - "))
        if opens and line.startswith("  ") and not line.startswith("  - "):
            whole[-1] += " " + line.strip()
        else:
            whole.append(line)
    return whole


def _broken(given: str, width: int) -> Lines:
    told = here(given)
    style = WARN if told.startswith("warning:") else ""
    if len(told) <= width:
        return [Text(told, style)]
    indent = " " * (len(told) - len(told.lstrip()) + 2)
    return [Text(part, style) for part in textwrap.wrap(told, width, subsequent_indent=indent, break_on_hyphens=False)]
