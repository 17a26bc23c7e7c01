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
from scalelab.report.findings import predictors
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Optimum
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
    """The best point for each of some computes, from the smallest spent to the one that is asked about."""
    seen = subject.assessment
    if seen.best is None or seen.optimum is None or not seen.optimum.interior:
        return []
    budgets = np.geomspace(subject.runs.compute.min(), seen.optimum.flops, FRONTIER_POINTS)
    return [best for best in (seen.frontier(float(flops)) for flops in budgets) if best.interior]


def loss_picture(subject: Subject) -> Figure:
    """Loss against compute, with the frontier where the best law has one."""
    seen, frontier = subject.assessment, frontier_of(subject)
    return figures.loss_against_compute(
        subject.runs, seen if seen.best is not None else None, frontier, seen.optimum if frontier else None
    )


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
    shown.append(Picture(
        key="surface", figure=figures.surface(runs, fit, frontier_of(subject)),
        caption=f"The loss that {fit.law} gives over N and D, {format_count(fit.n_runs)} runs on it as dots and the "
        "best split of each compute as a red line.",
    ))  # fmt: skip
    shown.append(Picture(
        key="residuals", figure=figures.residuals(runs, fit),
        caption="A law that fits leaves a band without a shape. A bow means that it bends otherwise than the runs.",
    ))  # fmt: skip
    return [*shown, *_contest(subject), *_growth(subject)]


def _growth(subject: Subject) -> list[Picture]:
    """IsoFLOP curves where there are levels, and the best N and D where the law has a best split."""
    found, shown = subject.iso_flop, []
    if found is not None:
        shown.append(Picture(
            key="isoflop", figure=figures.iso_flop(subject.runs, found),
            caption=f"Runs of one compute each, the curve through those around the lowest (read by {found.method}), "
            "and its minimum as a diamond. They believe no form of the law.",
        ))  # fmt: skip
    frontier = frontier_of(subject)
    if len(frontier) > 1:
        flops, n_params, n_tokens = (_column(frontier, name) for name in ("flops", "n_params", "n_tokens"))
        minima = None if found is None else (_column(found.used, "flops"), _column(found.used, "n_params"))
        grown = figures.Grown(value=n_params), figures.Grown(value=n_tokens)
        shown.append(Picture(
            key="optimal", figure=figures.optimal_split(flops, *grown, minima=minima),
            caption="The parameters and tokens that the law would give to each compute"
            + (", and as diamonds what the isoFLOP minima say of N." if found is not None else "."),
        ))  # fmt: skip
    return shown


def _column(records: Sequence[Any], name: str) -> Array:
    return np.array([getattr(each, name) for each in records], dtype=float)


def _contest(subject: Subject) -> list[Picture]:
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
