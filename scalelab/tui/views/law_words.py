"""The law's view in words: the equation, the contest, what is odd, who is left out, how the numbers moved.

The sentences are those of `report`; here is only their order, and the table of the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from scalelab.gate import clean
from scalelab.report import checks, findings, numbers, promise
from scalelab.report.layout import Lines, heading, table, wrapped
from scalelab.tui.snapshot import PastLaw, Snapshot
from scalelab.tui.views.subject import subject_of, why_no_law

if TYPE_CHECKING:
    from scalelab.laws import Assessment

ROOMY = 84
"""Cells that the forms take with their formulas in one table."""
SHOWN_STEPS = 12
"""Refits of the past that are told one by one: the first, the last, and some between."""


def lines(shot: Snapshot, width: int) -> Lines:
    """Everything, in the order of reading."""
    subject = subject_of(shot)
    if subject is None:
        return nothing(shot, width)
    seen = subject.assessment
    sections = [
        findings.the_law(seen, width),
        unbroken(promise.promise(seen, width), width),
        contest(seen, width),
        findings.verdicts(seen, width),
        findings.diagnosis(subject, width),
        findings.what_next(seen, width),
        checks.honest_check(subject, width),
        moved(shot.history, seen.best, width),
        findings.left_out(subject, width),
        _stale(shot, width),
    ]
    return [line for section in sections if section for line in [*_headed(section, width), Text()]][:-1]


def unbroken(lines: Lines, width: int) -> Lines:
    """Lines that are too long for a narrow screen broken, their emphasis given up."""
    return [
        part for line in lines for part in ([line] if line.cell_len <= width else wrapped(line.plain, width, hang=8))
    ]


def _headed(section: Lines, width: int) -> Lines:
    """A section whose heading is broken where the screen is too narrow for it."""
    head, *rest = section
    if head.cell_len <= width or str(head.style) != "bold":
        return section
    return [*(heading(part.plain) for part in wrapped(head.plain, width, hang=2)), *rest]


def contest(seen: Assessment, width: int) -> Lines:
    """The forms side by side; on a narrow screen without the formulas, and every law's numbers under it."""
    if width >= ROOMY:
        return findings.laws(seen, width)
    scores = {each.law: each for each in seen.scores}
    rows = [["law", "R²", "held back", "weight"]]
    for fit in seen.fits:
        score = scores.get(fit.law)
        shares = (score.held_back, score.weight or None) if score else (None, None)
        told = ("" if share is None else numbers.percent(share) for share in shares)
        rows.append([f"{findings.mark_of(fit, seen)} {fit.law}", f"{fit.r2_log:.5f}", *told])
    head, *drawn = table(rows, left={0})
    said = [heading("Laws; error on the largest runs, held back; share in predictions"), head]
    for fit, line in zip(seen.fits, drawn, strict=True):
        if fit.law == seen.best:
            line.stylize("bold")
        said += [line, *wrapped(f"      {numbers.greek(fit.form.formula)}", width, hang=8)]
    return said + [line for told in findings.how_it_went(seen) for line in wrapped(f"  {told}", width, hang=4)]


def nothing(shot: Snapshot, width: int) -> Lines:
    """Before there is a law: why, and what to do."""
    said = [heading("No law yet")]
    for sentence in why_no_law(shot):
        said += wrapped(f"  {sentence}", width, hang=2)
    return said


def moved(history: Sequence[PastLaw], best: str | None, width: int) -> Lines:
    """How the numbers of the law that is shown moved as runs came in; nothing before a second fit."""
    own = [past for past in history if past.law == best]
    if len(history) < 2 or not own:
        return []
    shown = _some(own)
    names = list(own[-1].estimates)
    rows = [["runs", *(numbers.greek(name) for name in names)]]
    rows += [[str(past.n_runs), *(_number(past, name) for name in names)] for past in shown]
    said = [heading(f"How the numbers of {clean(str(best), 40)} moved as runs came in"), *table(rows)]
    others = [f"{past.law} at {past.n_runs}" for past in _changes(history)]
    if len(others) > 1:
        said += wrapped(f"  Shown as runs came in: {', '.join(others)}.", width, hang=2)
    return said


def _number(past: PastLaw, name: str) -> str:
    value, low, high = past.estimates[name]
    return numbers.interval(value, low, high).partition(" [")[0]


def _some(steps: Sequence[PastLaw]) -> list[PastLaw]:
    """At most SHOWN_STEPS, evenly, the ends among them."""
    if len(steps) <= SHOWN_STEPS:
        return list(steps)
    last = len(steps) - 1
    return [steps[round(place * last / (SHOWN_STEPS - 1))] for place in range(SHOWN_STEPS)]


def _changes(history: Sequence[PastLaw]) -> list[PastLaw]:
    """The fits at which another law than before was shown."""
    pairs = zip((None, *history), history, strict=False)
    return [past for before, past in pairs if before is None or before.law != past.law]


def _stale(shot: Snapshot, width: int) -> Lines:
    """That the law is older than the runs, and why."""
    if not shot.fit_problem:
        return []
    return [heading("The law is older than the runs"), *wrapped(f"  {clean(shot.fit_problem, 300)}", width, hang=2)]
