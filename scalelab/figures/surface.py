"""The fitted loss over N and D, with contours at round losses, the runs and the frontier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scalelab.figures.axis import Axis, Notation
from scalelab.figures.figure import Array, Figure, Mark, Role, Series, Surface

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


def contours(seen: Surface) -> Figure:
    """The surface as lines of equal loss with their values at the ends, for where no colour can fill an area."""
    lines = [_contour(seen, level, place) for place, level in enumerate(seen.levels)]
    return Figure(title=seen.title, x=seen.x, y=seen.y, series=(*lines, *seen.series))


def _contour(seen: Surface, level: float, place: int) -> Series:
    """D over N where the loss is `level`, NaN where it is reached at no D of the surface; the loss falls with D."""
    log_d = np.log(seen.n_tokens)
    reached = [np.interp(-level, -column, log_d, left=np.nan, right=np.nan) for column in seen.loss.T]
    return Series(role=Role.CONTOUR, mark=Mark.LINE, name=f"loss {level:g}", label=f"{level:g}", colour=place % 7,
                  x=seen.n_params, y=np.exp(reached))  # fmt: skip


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
