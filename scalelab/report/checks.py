"""The honest check: what was predicted without the largest runs, or before runs had ended, beside what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scalelab.gate import clean
from scalelab.report import numbers
from scalelab.report.layout import Lines, heading, table, wrapped

if TYPE_CHECKING:
    from scalelab.laws import Assessment
    from scalelab.report.source import Subject


def held_out_rows(seen: Assessment) -> list[list[str]]:
    """Each law fitted without some runs, against those runs; the first row is the head."""
    from scalelab.laws.choice.statement import named

    rows = [["fitted without", "runs", "law", "predicted", "observed", "miss"]]
    # Where one run is the whole largest budget, both checks are the same one.
    for each in {(each.law, each.left_out): each for each in seen.hold_outs}.values():
        alone = len(each.left_out) == 1
        rows.append([
            clean(each.left_out[0], 24) if alone else f"the {each.held.replace('-', ' ')}",
            str(len(each.left_out)), named(each.law, seen), f"{np.mean(each.predicted):.4f}",
            f"{np.mean(each.observed):.4f}", numbers.percent(each.error),
        ])  # fmt: skip
    return rows


def honest_check(subject: Subject, width: int) -> Lines:
    """Each law fitted without the largest runs, against those runs; and what was predicted before runs had ended."""
    checks = [*_held_out(subject.assessment, width), *_foretold(subject, width)]
    return [heading("The honest check"), *checks] if checks else []


def _held_out(seen: Assessment, width: int) -> Lines:
    return table(held_out_rows(seen), left={0, 2}, width=width) if seen.hold_outs else []


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
