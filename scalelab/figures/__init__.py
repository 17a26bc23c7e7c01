"""What is in each figure, as data: axes, series, marks, labels. Nothing is drawn here.

A builder takes what a reader or a fit gives and returns a Figure or a Surface; plotext, the app and HTML draw the same
one. The room knows numpy and the evaluation of a fitted law, neither scipy nor any screen.
"""

from __future__ import annotations

from scalelab.figures.axis import Axis, Notation
from scalelab.figures.compute import loss_against_compute
from scalelab.figures.contest import contest, criterion
from scalelab.figures.curves import Along, loss_curves
from scalelab.figures.figure import Figure, Mark, Role, Series, Surface
from scalelab.figures.isoflop import iso_flop
from scalelab.figures.optimal import Grown, Interval, exponents, optimal_split
from scalelab.figures.palette import PALETTE, colour_of
from scalelab.figures.residuals import residuals
from scalelab.figures.surface import contours, surface

__all__ = [
    "PALETTE", "Along", "Axis", "Figure", "Grown", "Interval", "Mark", "Notation", "Role", "Series", "Surface",
    "colour_of", "contest", "contours", "criterion", "exponents", "iso_flop", "loss_against_compute", "loss_curves",
    "optimal_split", "residuals", "surface",
]  # fmt: skip
