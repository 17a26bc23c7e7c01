"""What the laws found, in words: the forms side by side, what they are worth, the honest check, the promise.

Each section is a function from an assessment to lines. Every number comes from `laws`; nothing is computed here.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from scalelab.gate import clean
from scalelab.report import numbers
from scalelab.report.layout import Lines, counted, heading, packed, table, wrapped
from scalelab.report.parameters import law_line, method_words, parameter_rows
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Exponents, Fit
    from scalelab.laws.card import Card
    from scalelab.laws.use.iso_flop import IsoFlop
    from scalelab.report.source import Subject

DETAILED = ("power", "chinchilla", "kaplan", "coupled")
"""Laws whose numbers are always shown; the best law's stand in a table of their own."""
SHOWN_EXCLUSIONS = 6
LEAST_LEVEL = 3
"""Fewer runs of one compute were not meant as a level, and that they are none needs no words."""
KNOWN = 1e-6
"""An exponent with a narrower interval is none that was measured: a tied law has 0.5 by its form."""
FEW_MORE = 3
"""A law that waits for no more runs than this is worth naming."""

WITHHELD = "These runs cannot tell N from D: only the law of compute is shown, and the exponents are withheld"
UNSPLIT = "These runs cannot tell N from D: trust neither the split nor a loss away from the runs' own D/N"


def the_law(seen: Assessment, width: int) -> Lines:
    """The law to believe in one line with its numbers, and the numbers in a table."""
    if seen.best is None:
        return []
    fit = seen.fit()
    lines = [heading(f"The law: {shown_law(seen).law}, by {method_words(fit)}"), *_line_of(shown_law(seen), width)]
    if fit.verdict == "withhold":
        return lines + wrapped(f"  {WITHHELD}.", width, hang=2)
    return [*lines, *table(parameter_rows(fit), left={0})]


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
                f"{'▸' if fit.law == seen.best else ' '} {fit.law}",
                clean(numbers.greek(fit.form.formula), max(width - 39, 41)),
                f"{fit.r2_log:.5f}",
                "" if held is None else numbers.percent(held),
            ]
        )
    drawn = table(rows, left={0, 1})
    lines = [
        heading(f"Laws, with {_level(seen)} intervals; R² in log space; error on the largest runs, held back"),
        drawn[0],
    ]
    for fit, line in zip(seen.fits, drawn[1:], strict=True):
        if fit.law == seen.best:
            line.stylize("bold")
        lines.append(line)
        if fit.law in DETAILED and fit.law != seen.best:
            lines += _estimates(fit, width)
    return lines + wrapped(f"  Best: {seen.reason}.", width, hang=2)


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


def exponent_rows(subject: Subject) -> list[list[str]]:
    """Rows of a and b of N* ∝ C^a, D* ∝ C^b, by the isoFLOP levels and by the laws; the first row is the head."""
    rows = [["from", "a of N* ∝ C^a", "b of D* ∝ C^b"]]
    found = subject.iso_flop
    if found is not None:
        rows.append([f"isoFLOP minima, {len(found.used)} levels", *_both(found)])
    rows += [[each.law, *_both(each)] for each in subject.exponents]
    return rows if len(rows) > 1 else []


def _both(found: IsoFlop | Exponents) -> list[str]:
    return [
        numbers.interval(each.value, each.low, each.high)
        if each.high - each.low > KNOWN
        else f"{each.value:.3f} by form"
        for each in (found.a, found.b)
    ]


def growth(subject: Subject, width: int) -> Lines:
    """How the best N and D grow with compute, approach 2 beside approach 3; nothing without levels of compute."""
    rows = exponent_rows(subject)
    if not rows:
        return []
    lines = [heading("How the best N and D grow with compute"), *table(rows, left={0})]
    levels = subject.iso_flop.levels if subject.iso_flop else ()
    refused = [each for each in levels if each.refused and each.n_runs >= LEAST_LEVEL]
    if refused:
        first = f"C = {numbers.flops(refused[0].flops)}: {refused[0].refused}"
        lines += wrapped(f"  {counted(len(refused), 'level')} without a minimum, the first {first}", width, hang=2)
    return lines


def diagnosis(subject: Subject, width: int) -> Lines:
    """What is odd about the runs under the best law."""
    said = subject.diagnosis.sentences() if subject.diagnosis else ()
    return [heading("What is odd about the runs"), *(
        line for each in said for line in wrapped(f"  - {clean(each)}", width, hang=4)
    )] if said else []  # fmt: skip


def card(made: Card | None, width: int) -> Lines:
    """The line that makes the fit again; the rest of its card is for files."""
    if made is None or not made.shell:
        return []
    lines = continued(made.shell, width - 2)
    return [heading(f"To fit {made.law} again (data {made.data_hash[:12]})"), *(Text(f"  {line}") for line in lines)]


def continued(shell: str, width: int) -> list[str]:
    """A line for a shell on as many lines as it needs, each but the last ended by a backslash."""
    groups: list[list[str]] = []
    for word in shlex.split(shell):
        if not groups or word.startswith("--"):
            groups.append([])
        groups[-1].append(word)
    lines: list[str] = []
    for group in (clean(shlex.join(each), 2_000) for each in groups):
        if lines and len(lines[-1]) + len(group) + 3 <= width:
            lines[-1] += " " + group
        else:
            lines.append("  " * bool(lines) + group)
    return [line + " \\" for line in lines[:-1]] + lines[-1:]


def held_out_rows(seen: Assessment) -> list[list[str]]:
    """Each law fitted without some runs, against those runs; the first row is the head."""
    rows = [["fitted without", "runs", "law", "predicted", "observed", "miss"]]
    # Where one run is the whole largest budget, both checks are the same one.
    for each in {(each.law, each.left_out): each for each in seen.hold_outs}.values():
        alone = len(each.left_out) == 1
        rows.append([
            clean(each.left_out[0], 24) if alone else f"the {each.held.replace('-', ' ')}",
            str(len(each.left_out)), each.law, f"{np.mean(each.predicted):.4f}", f"{np.mean(each.observed):.4f}",
            numbers.percent(each.error),
        ])  # fmt: skip
    return rows


def honest_check(subject: Subject, width: int) -> Lines:
    """Each law fitted without the largest runs, against those runs; and what was predicted before runs had ended."""
    checks = [*_held_out(subject.assessment), *_foretold(subject, width)]
    return [heading("The honest check"), *checks] if checks else []


def _held_out(seen: Assessment) -> Lines:
    return table(held_out_rows(seen), left={0, 2}) if seen.hold_outs else []


def _foretold(subject: Subject, width: int) -> Lines:
    misses = [abs(each.miss) for each in subject.foretold if each.miss is not None]
    if not misses:
        return []
    inside = sum(each.inside is True for each in subject.foretold)
    return wrapped(
        f"  Of {len(misses)} runs that were predicted before they ended, {inside} came out inside the interval; "
        f"the median miss is {numbers.percent(float(np.median(misses)))}.",
        width,
        hang=2,
    )


def promise(seen: Assessment, width: int) -> Lines:
    """The best N and D at ten times the largest compute, and the loss there."""
    best = seen.optimum
    if best is None:
        return []
    lines = [heading(f"At 10 × the largest run: C = {numbers.flops(best.flops)} FLOPs")]
    if not best.interior:
        words = f"{best.law} has no best split between N and D: it would put everything into one of them"
        return [*lines, *wrapped(f"  {words}.", width, hang=2)]
    loss = numbers.interval(best.loss, best.low, best.high)
    lines.append(
        Text.assemble(
            "  best  N = ",
            (format_count(best.n_params), "bold"),
            "   D = ",
            (format_count(best.n_tokens), "bold"),
            f"   ({best.n_tokens / best.n_params:.0f} tokens a parameter)",
        )
    )
    lines.append(Text.assemble("  loss  ", (loss, "bold"), f" nats a token, {_level(seen)}, by {predictors(seen)}"))
    if seen.fit().verdict == "withhold":
        lines += wrapped(f"  {UNSPLIT}.", width, hang=2)
    return lines


def _level(seen: Assessment) -> str:
    return f"{100 * seen.fit().level:g} %"


def predictors(seen: Assessment) -> str:
    """Which law predicts, or that several do together."""
    members = [] if seen.panel is None else seen.panel.members
    return str(seen.best) if len(members) < 2 else f"the mean of {len(members)} laws"


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
