"""The law's view in words: the equation, the contest, what is odd, who is left out, how the numbers moved.

The sentences are those of `report`; here is only their order, and the table of the past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from scalelab.gate import clean
from scalelab.report import checks, findings, numbers, promise, shares
from scalelab.report.layout import Lines, heading, table, wrapped
from scalelab.report.source import Subject
from scalelab.tui.bars import Part
from scalelab.tui.snapshot import PastLaw, Snapshot
from scalelab.tui.views import law_figures
from scalelab.tui.views.subject import why_no_law

if TYPE_CHECKING:
    from scalelab.laws import Assessment

ROOMY = 84
"""Cells that the forms take with their formulas in one table."""
SHOWN_STEPS = 12
"""Refits of the past that are told one by one: the first, the last, and some between."""


def lines(shot: Snapshot, subject: Subject | None, width: int) -> Lines:
    """Everything, in the order of reading."""
    if subject is None:
        return nothing(shot, width)
    seen = subject.assessment
    sections = [
        findings.the_law(seen, width),
        unbroken(promise.promise(seen, width, subject.target_words), width),
        contest(seen, width),
        findings.verdicts(seen, width),
        findings.diagnosis(subject, width),
        findings.what_next(seen, width),
        shares.growth(subject, width),
        checks.honest_check(subject, width),
        moved(shot.history, seen.best, width),
        left_out(subject, width),
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
    rows = [["law", "R²", "held back", "share"]]
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
    said += findings.legend(seen, width)
    return said + [line for told in findings.how_it_went(seen) for line in wrapped(f"  {told}", width, hang=4)]


def nothing(shot: Snapshot, width: int) -> Lines:
    """Before there is a law: why, and what to do."""
    said = [heading("No law yet")]
    for sentence in why_no_law(shot):
        said += wrapped(f"  {sentence}", width, hang=2)
    return said


def moved(history: Sequence[PastLaw], best: str | None, width: int) -> Lines:
    """How the numbers of the law that is shown moved as runs came in, and a and b; nothing before a second fit."""
    own = [each for each in history if each.law == best]
    if len(history) < 2 or not own:
        return []
    names = list(own[-1].estimates)
    growing = [name for name in law_figures.GROWTH if any(each.growth for each in own)]
    rows = [["runs", *(numbers.greek(name) for name in names), *growing]]
    for each in _some(own):
        told = [each.estimates[name] for name in names] + [each.growth.get(name) for name in growing]
        rows.append([str(each.n_runs), *("" if found is None else _number(*found) for found in told)])
    said = [heading(f"How the numbers of {clean(str(best), 40)} moved as runs came in"), *_fitting(rows, width)]
    if growing:
        said += wrapped("  a and b are the exponents of N* ∝ C^a and D* ∝ C^b.", width, hang=2)
    others = [f"{past.law} at {past.n_runs}" for past in _changes(history)]
    if len(others) > 1:
        said += wrapped(f"  Shown as runs came in: {', '.join(others)}.", width, hang=2)
    return said


def _fitting(rows: list[list[str]], width: int) -> Lines:
    """The table, in two where one is wider than the screen; the runs stand before both."""
    whole = table(rows)
    if whole[0].cell_len <= width or len(rows[0]) < 4:
        return whole
    half = (len(rows[0]) + 1) // 2
    return [*table([row[:half] for row in rows]), *table([[row[0], *row[half:]] for row in rows])]


def _number(value: float, low: float, high: float) -> str:
    return numbers.interval(value, low, high).partition(" [")[0]


def left_out(subject: Subject, width: int) -> Lines:
    """Every run that is no point of the fit, each with its reason, and what a reader found odd."""
    seen, lines = subject.assessment, list[Text]()
    if seen.n_excluded:
        lines.append(heading(f"Left out of the fit: {seen.n_excluded} of {seen.n_runs + seen.n_excluded} runs"))
        for each in seen.excluded:
            lines += wrapped(f"  - {clean(each.run, 60)}: {clean(each.reason, 300)}", width, hang=4)
    for note in subject.runs.notes:
        lines += wrapped(f"  note: {clean(note, 300)}", width, hang=8)
    return lines


def panes(every: Sequence[str], named: Mapping[str, str], here: int, width: int) -> list[Part]:
    """The panes with the one that is seen marked; on a narrow screen that one alone."""
    names = [named.get(name, name) for name in every]
    parts: list[Part] = []
    for place, name in enumerate(names):
        parts += [(f" {name} ", "mark")] if place == here else [(f" {name} ", "faint")]
    if sum(len(words) for words, _ in parts) <= width:
        return parts
    return [(f"{here + 1} of {len(names)}", "faint"), (f"  {names[here]}", "strong"), ("  v: the next", "faint")]


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
