"""The fitted loss over N and D, with contours at round losses, the runs and the frontier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scalelab.figures.axis import Axis, Notation
from scalelab.figures.figure import Array, Mark, Role, Series, Surface

if TYPE_CHECKING:
    from scalelab.laws.fits import Fit
    from scalelab.laws.runs import RunTable
    from scalelab.laws.use.optimum import Optimum

REACH = 4.0
"""How far the surface goes past the runs, as a factor of N and of D."""


def surface(
    runs: RunTable, fit: Fit, frontier: Sequence[Optimum] = (), *, columns: int = 120, rows: int = 60, levels: int = 8
) -> Surface:
    """L(N, D) on a log-spaced grid of `rows` by `columns`, about the runs and a little beyond them."""
    x = _axis("parameters N", runs.n_params)
    y = _axis("training tokens D", runs.n_tokens)
    n_params = np.geomspace(x.low, x.high, columns)
    n_tokens = np.geomspace(y.low, y.high, rows)
    loss = fit.loss(n_params[None, :], n_tokens[:, None])
    series = [Series(role=Role.RUNS, mark=Mark.DOTS, name="runs", x=runs.n_params, y=runs.n_tokens,
                     points=runs.run_id)]  # fmt: skip
    if frontier:
        series.insert(0, Series(
            role=Role.FRONTIER, mark=Mark.LINE, name="frontier", x=np.array([each.n_params for each in frontier]),
            y=np.array([each.n_tokens for each in frontier]),
        ))  # fmt: skip
    return Surface(
        title=f"loss by {fit.law}",
        x=x,
        y=y,
        n_params=n_params,
        n_tokens=n_tokens,
        loss=loss,
        levels=_levels(loss, levels),
        series=tuple(series),
    )


def _axis(label: str, column: Array) -> Axis:
    return Axis(
        label=label,
        low=float(column.min()) / REACH**0.5,
        high=float(column.max()) * REACH,
        log=True,
        notation=Notation.COUNT,
    )


def _levels(loss: Array, most: int) -> tuple[float, ...]:
    """Losses evenly apart on a log scale, largest first, rounded to three digits."""
    inner = np.geomspace(float(loss.max()), float(loss.min()), most + 2)[1:-1]
    return tuple(dict.fromkeys(float(f"{level:.3g}") for level in inner))
