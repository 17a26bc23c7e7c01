"""The sections of the HTML report, each a function from a subject to elements. Words and tables, no numerics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scalelab.report import checks as checking
from scalelab.report import findings, numbers, replay, shares
from scalelab.report.layout import capital, counted, span
from scalelab.report.markup import Markup, element, joined, table
from scalelab.report.points import law_at_runs
from scalelab.report.scores import columns_of
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Fit, RunTable
    from scalelab.laws.card import Card
    from scalelab.report.source import Subject

SHOWN_RUNS = 400
"""Rows of the table of runs; a page of a million rows opens nowhere."""
SHOWN_EXCLUSIONS = 100
WIDEST_LINE = 100
OPEN = 40
"""A table of more runs than this is folded."""

__all__ = ["card", "checks", "compute", "contest", "counted", "fact", "growth", "law_in_words", "runs", "span",
           "verdicts"]  # fmt: skip


def compute(table_of_runs: RunTable) -> str:
    """The smallest and the largest C."""
    column = table_of_runs.compute
    return " to ".join(dict.fromkeys(numbers.flops(float(end)) for end in (column.min(), column.max())))


def fact(value: str, words: str) -> Markup:
    """One large number with what it is."""
    return element("div", element("b", value), element("span", words))


def law_in_words(fit: Fit, per: str) -> str:
    """What the law says, for who does not read formulas."""
    floor = fit.params.get("E", 0.0)
    rest = "E" in fit.params and "E" not in fit.bounds_hit
    says = f"{fit.law}: the loss falls as models grow (N) and as they see more tokens (D)"
    ends = f", and levels off at {numbers.number(floor, floor / 100)} nats a {per}." if rest else ", without a floor."
    return says[0].upper() + says[1:] + ends


def contest(subject: Subject, picture: Markup | None) -> list[Markup]:
    """The laws side by side."""
    seen = subject.assessment
    score = {each.law: each for each in seen.scores}
    rows = [["law", "form", "R²", "AICc", "held back", "share"]]
    for fit in seen.fits:
        found = score.get(fit.law)
        rows.append([
            f"{findings.mark_of(fit, seen)} {fit.law}".strip(), numbers.greek(fit.form.formula), f"{fit.r2_log:.5f}",
            "" if found is None or found.aicc is None else f"+{found.aicc:.1f}",
            "" if found is None or found.held_back is None else numbers.percent(found.held_back),
            "" if found is None or not found.weight else f"{100 * found.weight:.0f} %",
        ])  # fmt: skip
    best = next((place for place, fit in enumerate(seen.fits) if fit.law == seen.best), None)
    parts = [
        element("h2", "Which law"),
        element("p", f"{capital(findings.why_shown(seen))}."),
        table(rows, left={0, 1}, strong=best),
    ]
    if findings.doubts(seen):
        parts.append(element("p", f"{findings.UNSURE} {findings.DOUBTED}.", class_="muted"))
    told = [*findings.rivals(seen), *findings.how_it_went(seen)]
    parts += [element("p", f"{capital(each)}.", class_="muted") for each in told]
    if seen.missing:
        listed = [element("li", f"{each.law}: {each.reason}") for each in seen.missing]
        parts.append(element("details", element("summary", counted(len(listed), "law") + " not fitted"),
                             element("ul", *listed)))  # fmt: skip
    return [*parts, *([picture] if picture else [])]


def verdicts(subject: Subject) -> list[Markup]:
    """What a person should know, and what to run next."""
    strange = subject.assessment.diagnosis
    said = [element("li", capital(each)) for each in findings.said_of(subject.assessment)]
    odd = [element("li", capital(each)) for each in (strange.sentences() if strange else ())]
    after = [element("li", capital(each)) for each in findings.next_runs(subject.assessment)]
    return [
        *([element("h2", "What the runs can say"), element("ul", *said)] if said else []),
        *([element("h2", "What is odd about the runs"), element("ul", *odd)] if odd else []),
        *([element("h2", "What to run next"), element("ul", *after)] if after else []),
    ]


def growth(subject: Subject, pictures: list[Markup]) -> list[Markup]:
    """How the best N and D grow with compute, by the law and by the runs' own isoFLOP levels."""
    rows = shares.exponent_rows(subject)
    if not rows and not pictures:
        return []
    return [element("h2", "How the best N and D grow with compute"), *([table(rows)] if rows else []), *pictures]


def checks(subject: Subject) -> list[Markup]:
    """The law without the largest runs, against those runs."""
    rows = checking.held_out_rows(subject.assessment)
    return [element("h2", "The honest check"), table(rows, left={0, 2})] if len(rows) > 1 else []


def runs(subject: Subject) -> list[Markup]:
    """Every run of the fit with its residual, and every run that is none, with the reason."""
    used, seen = subject.runs, subject.assessment
    said = law_at_runs(subject) if seen.best is not None else np.full(len(used), np.nan)
    more = columns_of(subject)
    rows = [["run", "N", "D", "C", "loss", "above the law", *(title for title, _ in more)]]
    columns = zip(used.run_id, used.n_params, used.n_tokens, used.compute, used.loss, said, strict=True)
    for name, n, d, c, loss, law in list(columns)[:SHOWN_RUNS]:
        rows.append([name, format_count(n), format_count(d), numbers.flops(float(c)), f"{loss:.4f}",
                     numbers.percent(float(loss / law - 1)) if np.isfinite(law) else "",
                     *(cells.get(name, "") for _, cells in more)])  # fmt: skip
    whole = table(rows)
    if len(used) > SHOWN_RUNS:
        rest = f"and {len(used) - SHOWN_RUNS:,} more: scalelab fit --csv writes them all"
        whole = joined(whole, element("p", rest, class_="muted"))
    if len(used) > OPEN:
        whole = element("details", element("summary", counted(len(used), "run")), whole)
    links = [element("p", f"{each.sentence()}.", class_="muted") for each in subject.links]
    return [element("h2", "Runs of the fit"), whole, *links, *_left_out(subject)]


def _left_out(subject: Subject) -> list[Markup]:
    seen = subject.assessment
    parts = []
    if seen.n_excluded:
        rows = [["run", "line", "why"]]
        rows += [[each.run or "(no name)", "" if each.line is None else str(each.line), each.reason]
                 for each in seen.excluded[:SHOWN_EXCLUSIONS]]  # fmt: skip
        parts += [element("h2", f"Left out of the fit: {counted(seen.n_excluded, 'run')}"), table(rows, left={0, 1, 2})]
        if seen.n_excluded > len(rows) - 1:
            parts.append(element("p", f"and {seen.n_excluded - len(rows) + 1:,} more", class_="muted"))
    if subject.runs.notes:
        parts += [element("h2", "What to know of these runs"),
                  element("ul", *(element("li", note) for note in subject.runs.notes))]  # fmt: skip
    return parts


def card(made: Card) -> list[Markup]:
    """How the fit was made, and the line that makes it again."""
    listed = [
        part for name, words in made.lines()
        for part in (element("dt", name), element("dd", numbers.signed(numbers.greek(words))))
    ]  # fmt: skip
    shell = replay.continued(made.shell, WIDEST_LINE) if made.shell else []
    lines = [element("pre", joined(*(part for line in told for part in (line, Markup("\n")))))
             for told in (shell, [made.python] if made.python else []) if told]  # fmt: skip
    return [element("h2", "The fit's card"), element("dl", *listed),
            *([element("h2", "To fit it again"), *lines] if lines else [])]  # fmt: skip
