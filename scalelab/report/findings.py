"""What the laws found, in words: the forms side by side, what they are worth, the honest check, the promise.

Each section is a function from an assessment to lines. Every number comes from `laws`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from scalelab.gate import clean
from scalelab.report import numbers
from scalelab.report.layout import Lines, capital, counted, heading, packed, table, wrapped
from scalelab.report.parameters import law_line, method_words, parameter_rows
from scalelab.report.promise import WITHHELD, unsplit
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Fit
    from scalelab.report.source import Subject

SHOWN, UNSURE = "▸", "?"
"""Before a law's name: the one that is shown, and one whose parameters the runs do not tell apart."""
DOUBTED = "marks laws whose parameters these runs do not tell apart"
"""What UNSURE means."""
SAME_AICC = 0.05
"""A difference that no table shows."""
DETAILED = ("power", "chinchilla", "kaplan", "coupled")
"""Laws whose numbers are always shown; the best law's stand in a table of their own."""
SHOWN_EXCLUSIONS = 6
WIDE_ENOUGH = 74
"""Cells from which the table of laws has room for formulas."""
FEW_MORE = 3
"""A law that waits for no more runs than this is worth naming."""


def the_law(seen: Assessment, width: int) -> Lines:
    """The law to believe in one line with its numbers, and the numbers in a table."""
    if seen.best is None:
        return []
    fit = shown_law(seen)
    lines = [heading(f"The law: {fit.law}, by {method_words(fit)}"), *_line_of(fit, width)]
    if unsplit(seen, fit):
        lines += wrapped(f"  {WITHHELD}.", width, hang=2)
    return lines if fit.verdict == "withhold" else [*lines, *table(parameter_rows(fit), left={0})]


def shown_law(seen: Assessment) -> Fit:
    """The law to put into a line: the best, or that of compute alone where the best one's exponents mean nothing."""
    return seen.compute_law if seen.compute_law is not None else seen.fit()


def _line_of(fit: Fit, width: int) -> Lines:
    lines = wrapped(f"  {law_line(fit)}", width, hang=4)
    for line in lines:
        line.stylize("bold")
    return lines


def laws(seen: Assessment, width: int) -> Lines:
    """The laws side by side, with the numbers of those that are asked for by name."""
    if not seen.fits:
        why = clean(seen.verdicts[0]) if seen.verdicts else "none yet"
        return [heading("Laws"), *wrapped(f"  {why}", width, hang=2)]
    score = {each.law: each for each in seen.scores}
    rows = [["law", "form", "R²", "held back"]]
    for fit in seen.fits:
        held = score[fit.law].held_back if fit.law in score else None
        rows.append(
            [
                f"{mark_of(fit, seen)} {fit.law}",
                clean(numbers.greek(fit.form.formula), max(width - 39, 41)),
                f"{fit.r2_log:.5f}",
                "" if held is None else numbers.percent(held),
            ]
        )
    if width < WIDE_ENOUGH:  # the shown law's formula stands above; those of the others in the documents
        rows = [[row[0], *row[2:]] for row in rows]
    drawn = table(rows, left={0, 1} if width >= WIDE_ENOUGH else {0})
    level = f"{100 * seen.fit().level:g} %"
    title = f"Laws, with {level} intervals; R² in log space; error on the largest runs, held back"
    lines = [*(Text(line.plain, "bold") for line in wrapped(title, width)), drawn[0]]
    for fit, line in zip(seen.fits, drawn[1:], strict=True):
        if fit.law == seen.best:
            line.stylize("bold")
        lines.append(line)
        if fit.law in DETAILED and fit.law != seen.best:
            lines += _estimates(fit, width)
    return [*lines, *legend(seen, width), *_went(seen, width)]


def legend(seen: Assessment, width: int) -> Lines:
    """What the marks before the laws mean, why that law is shown, and what became of its rivals."""
    said = [f"{SHOWN} {why_shown(seen)}", *([f"{UNSURE} {DOUBTED}"] if doubts(seen) else [])]
    told = wrapped(f"  {said[0]}.", width, hang=4) + [line for each in said[1:] for line in wrapped(f"  {each}", width)]
    return told + [line for each in rivals(seen) for line in wrapped(f"  {capital(each)}.", width, hang=4)]


def doubts(seen: Assessment) -> bool:
    """Whether a law has the mark of doubt."""
    return any(mark_of(fit, seen) == UNSURE for fit in seen.fits)


def rivals(seen: Assessment) -> list[str]:
    """What a reader of the contest would ask: why a lower AICc lost, what refuted is, and who has no error."""
    from scalelab.laws.choice.contest import REFUTED

    said = [_lower_aicc(seen)]
    if refuted := seen.panel.refuted if seen.panel is not None else ():
        said.append(
            f"refuted, and so no part of predictions: {', '.join(refuted)}; they missed the runs that were held back "
            f"more than {REFUTED:g} times as far as the best of the laws that may predict"
        )
    untested = [each.law for each in seen.scores if each.held_back is None]
    if untested and len(untested) < len(seen.scores):
        said.append(f"without an error, as too few runs remain to fit it to when some are held back: {_and(untested)}")
    return [each for each in said if each]


def _lower_aicc(seen: Assessment) -> str:
    """Why the law of the lowest AICc is not the one that is shown; empty where it is."""
    known = {each.law: each.aicc for each in seen.scores if each.aicc is not None}
    lowest = min(known, key=lambda law: known[law], default="")
    if seen.best not in known or known[seen.best] - known[lowest] < SAME_AICC:
        return ""
    return f"the lowest AICc is that of {lowest}, {_why_it_lost(lowest, seen)}"


def _why_it_lost(lowest: str, seen: Assessment) -> str:
    """The rule by which another law than that of the lowest AICc is shown, as `contest.shown` has it."""
    from scalelab.laws.choice.contest import FEW_RUNS, FOR_FEW

    if seen.fit(lowest).verdict == "withhold":
        return "but these runs do not tell its parameters apart"
    if lowest == "power" and seen.curvature is not None and seen.curvature.bends:
        return "but these runs bend, as it cannot"
    if seen.n_runs >= FEW_RUNS and any(each.held_back is not None for each in seen.scores):
        return (
            f"which is how well a law fits the runs it saw; from {FEW_RUNS} runs on the error on runs held back decides"
        )
    if seen.best in FOR_FEW:
        return f"but without enough runs to hold some back the choice is between {_and(FOR_FEW)} alone"
    return f"but without enough runs to hold some back the first that was asked for is shown, {seen.best}"


def _and(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else ", ".join(names)


def why_shown(seen: Assessment) -> str:
    """Why that law of N and D is shown; above it may stand the law of compute instead."""
    return f"{'shown' if seen.compute_law is None else 'of these'}: {seen.reason}"


def mark_of(fit: Fit, seen: Assessment) -> str:
    """What stands before a law's name: that it is shown, or that these runs do not tell its parameters apart."""
    if fit.law == seen.best:
        return SHOWN
    return UNSURE if fit.verdict == "withhold" else " "


def _went(seen: Assessment, width: int) -> Lines:
    return [line for each in how_it_went(seen) for line in wrapped(f"  {capital(each)}.", width, hang=4)]


def how_it_went(seen: Assessment) -> list[str]:
    """What the search met and a person should know: bounds, second minima, fits that did not converge."""
    said = []
    for fit in (each for each in seen.fits if mark_of(each, seen) != UNSURE):
        if fit.second_objective is not None and fit.second_theta is not None:
            more = fit.second_objective / max(fit.objective_value, 1e-300)
            there = _numbers_at(fit, fit.second_theta)
            said.append(f"{fit.law} has a second minimum, {more:.3g} times as high: {there}")
    others = [fit for fit in seen.fits if fit.law != seen.best]  # of the shown law the verdicts tell it
    if rough := [fit.law for fit in others if not fit.converged]:
        said.append(f"did not converge, so that its numbers are rough: {', '.join(rough)}")
    if hit := [f"{numbers.greek(name)} of {fit.law}" for fit in others for name in fit.bounds_hit]:
        said.append(f"stopped at a bound: {', '.join(hit)}")
    return said


def _numbers_at(fit: Fit, theta: Sequence[float]) -> str:
    """A law's numbers elsewhere: "E 1.8, A 480"."""
    told = {each.name: float(each.value(np.array(theta))) for each in fit.form.reported}
    logs = {each.name for each in fit.form.reported if each.log}
    words = (f"{name} {np.exp(value) if name in logs else value:.3g}" for name, value in told.items())
    return numbers.signed(numbers.greek(", ".join(words)))


def _estimates(fit: Fit, width: int) -> Lines:
    if fit.verdict == "withhold":
        return [Text("      exponents withheld: these runs do not tell them apart", "dim")]
    return [Text(line, "dim") for line in packed((numbers.estimate(each) for each in fit.estimates), width, indent=6)]


def verdicts(seen: Assessment, width: int) -> Lines:
    """What a person should know before believing any of it."""
    if seen.best is None:
        return []
    lines = [heading("What the runs can say")]
    for sentence in said_of(seen):
        lines += wrapped(f"  - {clean(sentence)}", width, hang=4)
    return lines


def said_of(seen: Assessment) -> list[str]:
    """The verdicts but for the honest check and the count of what was left out, which have sections of their own."""
    return [each for each in seen.verdicts if not (each.startswith("fitted without") or each.endswith("left out"))]


def what_next(seen: Assessment, width: int) -> Lines:
    """The runs that would teach most; nothing where none is needed."""
    after = next_runs(seen)
    return (
        [heading("What to run next"), *(line for each in after for line in wrapped(f"  - {each}", width, hang=4))]
        if after
        else []
    )


def next_runs(seen: Assessment) -> list[str]:
    """What to run next and what it is good for, one sentence each."""
    if seen.best is None:
        return []
    fit, said = seen.fit(), []
    if fit.mend is not None:
        size, tokens = format_count(fit.mend.n_params), format_count(fit.mend.n_tokens)
        said.append(
            f"N = {size} on D = {tokens} tokens: the condition number falls from {fit.condition:.3g} to "
            f"{fit.mend.condition:.3g}"
        )
    waiting = [each for each in seen.missing if 0 < each.runs_needed <= FEW_MORE]
    said += [f"{counted(each.runs_needed, 'more run')}: then {each.law} can be fitted too" for each in waiting]
    return said


def diagnosis(subject: Subject, width: int) -> Lines:
    """What is odd about the runs under the best law."""
    odd = subject.assessment.diagnosis
    said = odd.sentences() if odd else ()
    return [heading("What is odd about the runs"), *(
        line for each in said for line in wrapped(f"  - {clean(each)}", width, hang=4)
    )] if said else []  # fmt: skip


def left_out(subject: Subject, width: int) -> Lines:
    """Runs that are no points of the fit, each with its reason, and what a reader found odd."""
    seen = subject.assessment
    lines: Lines = []
    if seen.n_excluded:
        lines.append(heading(f"Left out of the fit: {seen.n_excluded} of {seen.n_runs + seen.n_excluded} runs"))
        for each in seen.excluded[:SHOWN_EXCLUSIONS]:
            where = f"line {each.line}" if each.line is not None else ""
            name = " ".join(filter(None, (clean(each.run, 40), where)))
            lines += wrapped(f"  - {name}: {clean(each.reason, 200)}", width, hang=4)
        if seen.n_excluded > SHOWN_EXCLUSIONS:
            lines.append(Text(f"  - and {seen.n_excluded - SHOWN_EXCLUSIONS} more (--json lists them)"))
    for note in subject.runs.notes:
        lines += wrapped(f"  note: {clean(note, 300)}", width, hang=8)
    return lines
