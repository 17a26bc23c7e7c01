"""How the laws did against each other: error on the largest runs, held back, or Akaike's criterion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scalelab.figures.axis import Axis, Notation, around, of_names
from scalelab.figures.figure import Figure, Mark, Role, Series

if TYPE_CHECKING:
    from scalelab.laws.choice.contest import Score


def contest(scores: Sequence[Score], best: str | None = None) -> Figure:
    """Each law's mean error on the held-back runs, the smallest at the top; empty where nothing was held back."""
    known = [(each.law, 100.0 * each.held_back) for each in scores if each.held_back is not None]
    aicc = {each.law: each.aicc for each in scores}
    labels = {law: _percent(error) + _beside(aicc[law]) for law, error in known}
    return _ranking("error on held-back runs, law by law", "mean error on the largest runs, held back, %",
                    known, labels, best, log=True)  # fmt: skip


def criterion(scores: Sequence[Score], best: str | None = None) -> Figure:
    """Each law's AICc above the lowest, the smallest at the top."""
    known = [(each.law, each.aicc) for each in scores if each.aicc is not None]
    labels = {law: f"{value:.1f}" for law, value in known}
    return _ranking("AICc, law by law", "AICc above the lowest", known, labels, best, log=False)


def _percent(error: float) -> str:
    """Two digits that count: "0.90 %", "12 %"."""
    places = 1 - math.floor(math.log10(error)) if error > 0 else 1
    return f"{error:.{min(max(places, 0), 3)}f} %"


def _beside(aicc: float | None) -> str:
    return "" if aicc is None else f", AICc +{aicc:.0f}"


def _ranking(
    title: str, label: str, known: Sequence[tuple[str, float]], labels: dict[str, str], best: str | None, *, log: bool
) -> Figure:
    rising = sorted(known, key=lambda each: (each[1], each[0]))
    axis = of_names(law for law, _ in rising)
    low, high = around((value for _, value in rising), log=log, margin=0.08)
    return Figure(
        title=title,
        x=Axis(label=label, low=low, high=high, log=log, notation=Notation.NUMBER),
        y=axis,
        series=tuple(
            Series(
                role=Role.CHOSEN if law == best else Role.SCORE,
                mark=Mark.DOTS,
                name=law,
                label=labels[law],
                x=np.array([value]),
                y=np.array([float(axis.names.index(law))]),
            )
            for law, value in rising
        ),
    )
