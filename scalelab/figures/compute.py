"""Loss against compute: the law at each model size, the runs, the frontier, and the best point at more compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from scalelab.figures.axis import Axis, Notation, around
from scalelab.figures.figure import Array, Figure, Mark, Role, Series
from scalelab.figures.ladder import by_shade, chosen, rungs_of, shade
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws.runs import RunTable
    from scalelab.laws.use.optimum import Optimum


class Law(Protocol):
    """What can be drawn: a fit, or the assessment that predicts from several."""

    def loss(self, n_params: Array, n_tokens: Array) -> Array:
        """Nats a token over arrays of one shape."""
        ...


ISO_CURVES = 7
STEPS = 64
BEFORE, AFTER = 1.3, 10.0
"""How far a size's curve goes before its smallest and past its largest budget, as a factor of D: far enough for the
curves to part, so that their labels stand apart."""


def loss_against_compute(
    runs: RunTable, law: Law | None = None, frontier: Sequence[Optimum] = (), forecast: Optimum | None = None, *,
    per: str = "token",
) -> Figure:  # fmt: skip
    """The figure that the lab is for.

    Parameters
    ----------
    runs
        Finished runs; each stands at its own C.
    law
        The law that is drawn at every size; None while there are too few runs.
    frontier
        The best point for each of some computes, rising.
    forecast
        The best point at the compute that is asked about.
    per
        What the loss is nats of.
    """
    lines = [] if law is None else _iso_curves(runs, law)
    dots = _dots(runs)
    best = _frontier(frontier, forecast)
    every = [*lines, *best, *dots]
    return Figure(
        title="loss against compute: the law at each size, the runs, the frontier",
        x=_axis("training compute C, FLOPs", Notation.POWER, [each.x for each in every], 0.02),
        y=_axis(f"loss, nats a {per}", Notation.NUMBER, _heights(every), 0.04),
        series=tuple(every),
    )


def _heights(every: Sequence[Series]) -> list[Array]:
    """What the figure must be tall enough for: the forecast's whole interval too."""
    return [edge for each in every for edge in (each.y, each.low, each.high) if edge is not None]


def _axis(label: str, notation: Notation, columns: Sequence[Array], margin: float) -> Axis:
    low, high = around((value for column in columns for value in column.tolist()), log=True, margin=margin)
    return Axis(label=label, low=low, high=high, log=True, notation=notation)


def _iso_curves(runs: RunTable, law: Law) -> list[Series]:
    sizes, place = rungs_of(runs.n_params)
    lines = []
    for rung in chosen(len(sizes), ISO_CURVES):
        own = place == rung
        tokens = np.geomspace(runs.n_tokens[own].min() / BEFORE, runs.n_tokens[own].max() * AFTER, STEPS)
        # FLOPs a token of a size as its runs counted them, so that the curve goes through its own dots.
        per_token = float(np.median(runs.compute[own] / runs.n_tokens[own]))
        name = format_count(sizes[rung])
        lines.append(
            Series(
                role=Role.ISO_N,
                mark=Mark.LINE,
                name=f"N = {name}",
                label=name,
                colour=shade(rung, len(sizes)),
                x=tokens * per_token,
                y=law.loss(np.full(STEPS, sizes[rung]), tokens),
            )
        )
    return lines


def _dots(runs: RunTable) -> list[Series]:
    return [
        Series(
            role=Role.RUNS,
            mark=Mark.DOTS,
            name=f"runs with N = {name}",
            colour=colour,
            x=runs.compute[own],
            y=runs.loss[own],
            points=tuple(run for run, here in zip(runs.run_id, own, strict=True) if here),
        )
        for colour, name, own in by_shade(runs.n_params)
    ]


def _frontier(frontier: Sequence[Optimum], forecast: Optimum | None) -> list[Series]:
    best = []
    if frontier:
        best.append(Series(
            role=Role.FRONTIER, mark=Mark.LINE, name="frontier: the best loss for each compute",
            x=np.array([each.flops for each in frontier]), y=np.array([each.loss for each in frontier]),
        ))  # fmt: skip
    if forecast is not None:
        best.append(Series(
            role=Role.FORECAST, mark=Mark.DOTS, name="the best at this compute", label=f"{forecast.loss:.3f}",
            x=np.array([forecast.flops]), y=np.array([forecast.loss]),
            low=np.array([forecast.low]), high=np.array([forecast.high]),
        ))  # fmt: skip
    return best
