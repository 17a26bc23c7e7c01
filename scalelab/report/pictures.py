"""Every figure that a report of a subject holds, each with a sentence that says what to see in it.

Chooses and captions; what is in a figure is built in `figures`, every number comes from `laws`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelab import figures
from scalelab.figures import Figure, Surface
from scalelab.figures.figure import Array
from scalelab.figures.optimal import D_COLOUR, N_COLOUR
from scalelab.report.growth import optima_of
from scalelab.report.promise import predictors, tells
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Estimate, Optimum
    from scalelab.report.source import Subject

FRONTIER_POINTS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One figure of a report."""

    key: str
    """Name of its file, and of its place on a page."""
    caption: str
    figure: Figure | Surface


def frontier_of(subject: Subject) -> list[Optimum]:
    """The best point for each of some computes, from the smallest spent to the one that is asked about.

    None where the laws have no best split, or the runs do not tell the loss there.
    """
    seen = subject.assessment
    if seen.best is None or seen.optimum is None or not (seen.optimum.interior and tells(seen.optimum)):
        return []
    budgets = np.geomspace(subject.runs.compute.min(), seen.optimum.flops, FRONTIER_POINTS)
    return [best for best in (seen.frontier(float(flops)) for flops in budgets) if best.interior]


def loss_picture(subject: Subject) -> Figure:
    """Loss against compute, with the frontier where the best law has one."""
    seen, frontier = subject.assessment, frontier_of(subject)
    return figures.loss_against_compute(
        subject.runs, seen if seen.best is not None else None, frontier, seen.optimum if frontier else None,
        per=subject.target_words,
    )  # fmt: skip


def pictures_of(subject: Subject) -> list[Picture]:
    """All figures that these runs allow, in the order of reading."""
    seen, runs = subject.assessment, subject.runs
    if not len(runs):
        return []
    shown = [Picture(
        key="loss-against-compute", figure=loss_picture(subject),
        caption=f"Each line is the loss by {predictors(seen)} at one model size, each dot a run. The red line is the "
        "lowest loss for each compute; the diamond is the best at ten times the largest run, with its interval.",
    )]  # fmt: skip
    if seen.best is None:
        return shown
    fit = seen.fit()
    if seen.compute_law is None:  # else the surface would be of what the runs do not tell
        shown.append(Picture(
            key="surface", figure=figures.surface(runs, fit, _splits(subject)),
            caption=f"The loss that {fit.law} gives over N and D, {format_count(fit.n_runs)} runs on it as dots and "
            "the best split of each compute as a red line.",
        ))  # fmt: skip
    shown.append(Picture(
        key="residuals", figure=figures.residuals(runs, fit),
        caption="A law that fits leaves a band without a shape. A bow means that it bends otherwise than the runs.",
    ))  # fmt: skip
    return [*shown, *contest_pictures(subject), *growth_pictures(subject)]


def growth_pictures(subject: Subject) -> list[Picture]:
    """IsoFLOP curves where there are levels, and the best N and D where the law has a best split."""
    found, shown = subject.iso_flop, []
    if found is not None:
        shown.append(Picture(
            key="isoflop", figure=figures.iso_flop(subject.runs, found, per=subject.target_words),
            caption=f"Runs of one compute each, the curve through those around the lowest (read by {found.method}), "
            "and its minimum as a diamond. They believe no form of the law.",
        ))  # fmt: skip
    optima = optima_of(subject.assessment, np.geomspace(*_span(subject), FRONTIER_POINTS).tolist())
    if len(optima) > 1:
        minima = None if found is None else (_column(found.used, "flops"), _column(found.used, "n_params"))
        n_params, n_tokens = (_grown([getattr(each, name) for each in optima]) for name in ("n_params", "n_tokens"))
        shown.append(Picture(
            key="optimal", figure=figures.optimal_split(_column(optima, "flops"), n_params, n_tokens, minima),
            caption=f"The parameters and tokens that {subject.assessment.best} would give to each compute, with bands"
            + (", and as diamonds what the isoFLOP minima say of N." if found is not None else "."),
        ))  # fmt: skip
    whiskers = _exponents(subject)
    if whiskers:
        shown.append(Picture(
            key="exponents", figure=figures.exponents(whiskers),
            caption="a of N* ∝ C^a in blue, b of D* ∝ C^b in vermilion. Where the laws and the isoFLOP minima "
            "disagree, trust neither split far out.",
        ))  # fmt: skip
    return shown


def _splits(subject: Subject) -> list[Optimum]:
    """The best split of each compute under the shown law, which is the one that the surface is of."""
    from scalelab.laws import frontier

    budgets = np.geomspace(*_span(subject), FRONTIER_POINTS).tolist()
    return [best for flops in budgets if (best := frontier(subject.assessment.fit(), flops)).interior]


def _column(records: Sequence[Any], name: str) -> Array:
    return np.array([getattr(each, name) for each in records], dtype=float)


def contest_pictures(subject: Subject) -> list[Picture]:
    """Which law did how well; nothing where there was one law."""
    seen = subject.assessment
    if len(seen.scores) < 2:
        return []
    if any(each.held_back is not None for each in seen.scores):
        return [Picture(
            key="contest", figure=figures.contest(seen.scores, seen.best),
            caption="Each law was fitted without the most expensive runs and then asked for their losses: further "
            "left is better. Red is the law whose numbers stand above.",
        )]  # fmt: skip
    if any(each.aicc is not None for each in seen.scores):
        return [Picture(
            key="contest", figure=figures.criterion(seen.scores, seen.best),
            caption="Akaike's criterion for few runs, above the lowest: further left is better.",
        )]  # fmt: skip
    return []


def _span(subject: Subject) -> tuple[float, float]:
    """From the smallest compute spent to the one that is asked about."""
    compute, best = subject.runs.compute, subject.assessment.optimum
    return float(compute.min()), best.flops if best is not None else float(compute.max())


def _grown(found: list[Estimate]) -> figures.Grown:
    return figures.Grown(value=_column(found, "value"), low=_column(found, "low"), high=_column(found, "high"))


def _exponents(subject: Subject) -> list[figures.Interval]:
    """First a of everybody, then b of everybody."""
    found = subject.iso_flop
    told: list[tuple[str, Any]] = [] if found is None else [("isoFLOP", found)]
    told += [(each.law, each) for each in subject.exponents]
    each_of = [(symbol, colour, name, getattr(record, symbol))
               for symbol, colour in (("a", N_COLOUR), ("b", D_COLOUR)) for name, record in told]  # fmt: skip
    return [
        figures.Interval(name=f"{symbol}, {name}", value=each.value, low=each.low, high=each.high, colour=colour)
        for symbol, colour, name, each in each_of
    ]
