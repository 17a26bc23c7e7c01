"""By how much each run misses the law, along compute: a law that bends shows as a bow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scalelab.figures.axis import Axis, Notation, around
from scalelab.figures.figure import Figure, Mark, Role, Series
from scalelab.figures.ladder import by_shade

if TYPE_CHECKING:
    from scalelab.laws.fits import Fit
    from scalelab.laws.runs import RunTable


def residuals(runs: RunTable, fit: Fit) -> Figure:
    """(observed − law)/law of each run in percent, coloured by rung, about a line at zero."""
    misses = 100.0 * (runs.loss / fit.loss(runs.n_params, runs.n_tokens) - 1.0)
    low_x, high_x = around(runs.compute.tolist(), log=True)
    reach = max(float(np.abs(misses).max(initial=0.0)) * 1.1, 0.1)
    zero = Series(role=Role.ZERO, mark=Mark.LINE, name="the law", x=np.array([low_x, high_x]), y=np.zeros(2))
    dots = [
        Series(
            role=Role.RUNS,
            mark=Mark.DOTS,
            name=f"runs with N = {name}",
            colour=colour,
            label=name,
            x=runs.compute[own],
            y=misses[own],
            points=tuple(run for run, here in zip(runs.run_id, own, strict=True) if here),
        )
        for colour, name, own in by_shade(runs.n_params)
    ]
    return Figure(
        title=f"residuals of {fit.law}",
        x=Axis(label="training compute C, FLOPs", low=low_x, high=high_x, log=True, notation=Notation.POWER),
        y=Axis(label="observed above the law", low=-reach, high=reach, notation=Notation.PERCENT),
        series=(zero, *dots),
    )
