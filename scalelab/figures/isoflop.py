"""Loss against N at each level of compute: the runs, the curve through those around the minimum, the minimum itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scalelab.figures.axis import Axis, Notation, around
from scalelab.figures.figure import Array, Figure, Mark, Role, Series
from scalelab.figures.ladder import chosen, shade

if TYPE_CHECKING:
    from scalelab.laws.runs import RunTable
    from scalelab.laws.use.iso_flop import IsoFlop, Level
    from scalelab.laws.use.levels import Curve

MOST_LEVELS = 9
STEPS = 48
WINDOWS = {"parabola": (5, 2), "cubic": (7, 3)}
"""How a minimum was read: points around the lowest run, degree of the polynomial through them."""


def iso_flop(runs: RunTable, found: IsoFlop, tolerance: float = 0.05, *, per: str = "token") -> Figure:
    """One curve a level of compute, at most nine of them, evenly, with those whose minimum was refused without one.

    `tolerance` is that of `laws.iso_flop`: the share of C within which runs are of one level; `per` what the
    loss is nats of.
    """
    from scalelab.laws.use.iso_flop import fresh_runs
    from scalelab.laws.use.levels import curves_of

    curves = curves_of(fresh_runs(runs)[0], tolerance)
    pairs = [(curve, level) for curve, level in zip(curves, found.levels, strict=True) if not curve.refused]
    shown = [pairs[place] for place in chosen(len(pairs), MOST_LEVELS)] if pairs else []
    series = [
        each
        for place, (curve, level) in enumerate(shown)
        for each in _of_level(curve, level, found.method, shade(place, len(shown)))
    ]
    dots = [each for each in series if each.mark is Mark.DOTS]
    low_x, high_x = around((x for each in dots for x in each.x.tolist()), log=True)
    low_y, high_y = around((y for each in dots for y in each.y.tolist()), log=True)
    return Figure(
        title="isoFLOP curves: loss against N at each compute",
        x=Axis(label="parameters N", low=low_x, high=high_x, log=True, notation=Notation.COUNT),
        y=Axis(label=f"loss, nats a {per}", low=low_y, high=high_y, log=True),
        series=tuple(series),
    )


def _of_level(curve: Curve, level: Level, method: str, colour: int) -> list[Series]:
    name = f"C = {curve.flops:.2g}"
    x, y = _through(curve, method)
    parts = [
        Series(role=Role.ISO_C, mark=Mark.LINE, name=f"{name}, by {method}", label=_power(curve.flops), colour=colour,
               x=np.exp(x), y=np.exp(y)),
        Series(role=Role.ISO_C, mark=Mark.DOTS, name=f"runs of {name}", colour=colour, x=np.exp(curve.log_n),
               y=np.exp(curve.log_loss)),
    ]  # fmt: skip
    if level.n_params is not None and level.loss is not None:
        parts.append(Series(role=Role.MINIMUM, mark=Mark.DOTS, name=f"minimum of {name}", colour=colour,
                            x=np.array([level.n_params]), y=np.array([level.loss])))  # fmt: skip
    return parts


def _through(curve: Curve, method: str) -> tuple[Array, Array]:
    """(ln N, ln loss) of the curve whose minimum was read; the runs joined where it follows each of them."""
    if method not in WINDOWS or len(curve.log_n) < 3:
        return curve.log_n, curve.log_loss
    points, degree = WINDOWS[method]
    points = min(points, len(curve.log_n))
    first = int(np.clip(int(curve.log_loss.argmin()) - points // 2, 0, len(curve.log_n) - points))
    near = slice(first, first + points)
    centre = float(curve.log_n[near].mean())
    found = np.polyfit(curve.log_n[near] - centre, curve.log_loss[near], min(degree, points - 1))
    x = np.linspace(curve.log_n[near][0], curve.log_n[near][-1], STEPS)
    return x, np.asarray(np.polyval(found, x - centre), dtype=float)


def _power(flops: float) -> str:
    mantissa, exponent = f"{flops:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"
