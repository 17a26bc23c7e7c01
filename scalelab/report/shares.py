"""How the best N and D grow with compute, as rows and lines: what each law says beside the runs' own isoFLOP levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalelab.report import numbers
from scalelab.report.layout import Lines, counted, heading, table, wrapped

if TYPE_CHECKING:
    from scalelab.laws import Estimate, Exponents
    from scalelab.laws.use.iso_flop import IsoFlop
    from scalelab.report.source import Subject

LEAST_LEVEL = 3
"""Fewer runs of one compute were not meant as a level, and that they are none needs no words."""
UNTOLD = 1.0
"""An exponent lies between 0 and 1: an interval as wide as that tells nothing."""


def exponent_rows(subject: Subject) -> list[list[str]]:
    """Rows of a and b of N* ∝ C^a, D* ∝ C^b, by the isoFLOP levels and by the laws; the first row is the head."""
    rows = [["from", "a of N* ∝ C^a", "b of D* ∝ C^b"]]
    found = subject.iso_flop
    if found is not None:
        rows.append([f"isoFLOP minima, {len(found.used)} levels", *_both(found)])
    rows += [[each.law, *_both(each, by_form=_tied(each.law))] for each in subject.exponents]
    return rows if len(rows) > 1 else []


def _tied(law: str) -> bool:
    """Whether a law has one exponent for N and D, so that its a and b follow from its form and not from the runs."""
    from scalelab.laws import FORMS

    return {"alpha", "beta"} & {each.name for each in FORMS[law].reported} == {"alpha"}


def _both(found: IsoFlop | Exponents, *, by_form: bool = False) -> list[str]:
    return [_exponent(each, by_form) for each in (found.a, found.b)]


def _exponent(found: Estimate, by_form: bool) -> str:
    if by_form:
        return f"{found.value:.3f} by form"
    if found.high - found.low > UNTOLD:
        return f"{found.value:.1f}, not told"
    return numbers.interval(found.value, found.low, found.high)


def growth(subject: Subject, width: int) -> Lines:
    """How the best N and D grow with compute, approach 2 beside approach 3; nothing without levels of compute."""
    rows = exponent_rows(subject)
    if not rows:
        return []
    lines = [heading("How the best N and D grow with compute"), *table(rows, left={0}, width=width)]
    levels = subject.iso_flop.levels if subject.iso_flop else ()
    refused = [each for each in levels if each.refused and each.n_runs >= LEAST_LEVEL]
    if refused:
        first = f"C = {numbers.flops(refused[0].flops)}: {refused[0].refused}"
        lines += wrapped(f"  {counted(len(refused), 'level')} without a minimum, the first {first}", width, hang=2)
    return lines
