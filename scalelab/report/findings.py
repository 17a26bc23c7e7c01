"""What the laws found, in words: the forms side by side, what they are worth, the honest check, the promise.

Each section is a function from an assessment to lines. Every number comes from `laws`; nothing is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from scalelab.gate import clean
from scalelab.report import numbers
from scalelab.report.layout import Lines, heading, packed, table, wrapped
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Fit
    from scalelab.report.source import Subject

DETAILED = ("power", "chinchilla", "kaplan", "coupled")
"""Laws whose numbers are always shown; the best law's are shown too."""
SHOWN_EXCLUSIONS = 6

UNSPLIT = "These runs cannot tell N from D: trust neither the split nor a loss away from the runs' own D/N"


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
                numbers.greek(fit.form.formula),
                f"{fit.r2_log:.5f}",
                "" if held is None else numbers.percent(held),
            ]
        )
    drawn = table(rows, left={0, 1})
    lines = [heading("Laws, with 95 % intervals; R² in log space; error on the largest runs, held back"), drawn[0]]
    for fit, line in zip(seen.fits, drawn[1:], strict=True):
        if fit.law == seen.best:
            line.stylize("bold")
        lines.append(line)
        if fit.law in DETAILED or fit.law == seen.best:
            lines += _estimates(fit, width)
    return lines + wrapped(f"  Best: {seen.reason}.", width, hang=2)


def _estimates(fit: Fit, width: int) -> Lines:
    if fit.verdict == "withhold":
        return [Text("      exponents withheld: these runs cannot tell N from D", "dim")]
    return [Text(line, "dim") for line in packed((numbers.estimate(each) for each in fit.estimates), width, indent=6)]


def verdicts(seen: Assessment, width: int) -> Lines:
    """What a person should know before believing any of it."""
    if seen.best is None:
        return []
    lines = [heading("What the runs can say")]
    for sentence in seen.verdicts:
        # The honest check and the list of what was left out have sections of their own.
        if sentence.startswith("fitted without") or sentence.endswith("left out"):
            continue
        lines += wrapped(f"  - {clean(sentence)}", width, hang=4)
    return lines


def honest_check(subject: Subject, width: int) -> Lines:
    """Each law fitted without the largest runs, against those runs; and what was predicted before runs had ended."""
    checks = [*_held_out(subject.assessment), *_foretold(subject, width)]
    return [heading("The honest check"), *checks] if checks else []


def _held_out(seen: Assessment) -> Lines:
    if not seen.hold_outs:
        return []
    rows = [["fitted without", "runs", "law", "predicted", "observed", "miss"]]
    # Where one run is the whole largest budget, both checks are the same one.
    for each in {(each.law, each.left_out): each for each in seen.hold_outs}.values():
        alone = len(each.left_out) == 1
        rows.append([
            clean(each.left_out[0], 24) if alone else f"the {each.held.replace('-', ' ')}",
            str(len(each.left_out)), each.law, f"{np.mean(each.predicted):.4f}", f"{np.mean(each.observed):.4f}",
            numbers.percent(each.error),
        ])  # fmt: skip
    return table(rows, left={0, 2})


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
    lines.append(Text.assemble("  loss  ", (loss, "bold"), f" nats a token, 95 %, by {best.law}"))
    if seen.fit().verdict == "withhold":
        lines += wrapped(f"  {UNSPLIT}.", width, hang=2)
    return lines


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
