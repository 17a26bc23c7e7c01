"""Loss curves as a Figure, from arrays that only grow: what `figures.loss_curves` makes of points, without the points.

Keeps what it has made of each curve. Knows numpy and figures, no screen.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import numpy as np

from scalelab.figures import PALETTE, Along, Axis, Figure, Mark, Notation, Role, Series
from scalelab.figures.axis import around
from scalelab.records import RunSpec
from scalelab.tui.charts.remembered import Remembered
from scalelab.tui.curves import SMOOTHINGS, Array, Curve

_LABELS = {
    Along.TOKENS: ("training tokens D", Notation.COUNT),
    Along.FLOPS: ("training compute C, FLOPs", Notation.POWER),
    Along.STEPS: ("steps of the optimizer", Notation.COUNT),
    Along.SECONDS: ("seconds of training", Notation.NUMBER),
}
_SHORT = {Along.FLOPS: "FLOPs", Along.SECONDS: "time"}
"""What an axis is called over the chart, where it is not called as it is asked for."""
PAIRS = 4
"""Runs up to which each has its own colour when looked at alone."""
PACK = 100
"""Runs beyond which smoothed curves stand alone: what was measured of so many would be one grey band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the curves are drawn."""

    along: Along = Along.TOKENS
    log_x: bool = True
    log_y: bool = True
    smoothing: int = 0
    """Not (0), or by the smoothing with this number."""

    def next_along(self) -> Look:
        """Along the next quantity."""
        every = list(Along)
        return replace(self, along=every[(every.index(self.along) + 1) % len(every)])

    def next_smoothing(self) -> Look:
        """Smoothed more, or again not at all."""
        return replace(self, smoothing=(self.smoothing + 1) % (len(SMOOTHINGS) + 1))

    def words(self) -> str:
        """The look as it stands over the chart."""
        along = _SHORT.get(self.along, str(self.along))
        scales = f"{'log' if self.log_y else 'linear'} loss, {'log' if self.log_x else 'linear'} {along}"
        return scales + ("", ", smoothed", ", smoothed much")[self.smoothing]


_all = chain.from_iterable


def _ends(array: Array, log: bool) -> list[float]:
    """The least and the greatest of the values that can stand on an axis."""
    if not array.size:
        return []
    least, most = float(array.min()), float(array.max())
    if math.isfinite(least) and math.isfinite(most) and (least > 0 or not log):
        return [least, most]
    good = array[np.isfinite(array) & (array > 0)] if log else array[np.isfinite(array)]
    return [float(good.min()), float(good.max())] if good.size else []


class LossFigure:
    """Makes the figure anew when curves have grown."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, Along, int, int | None, str], Series] = {}
        self._ends = {log: Remembered(partial(_ends, log=log)) for log in (True, False)}

    def make(
        self,
        curves: Mapping[str, Curve],
        specs: Sequence[RunSpec],
        look: Look,
        only: Collection[str] = (),
        *,
        alive: bool = False,
    ) -> Figure:
        """The curves of all runs that have points, or of `only` these; coloured by rung, one label a rung.

        `alive` is whether somebody trains them: a run that was killed is running in the store alone.
        """
        sizes = sorted({spec.counts.n_params for spec in specs})
        shown = [spec for spec in specs if spec.run in curves and (not only or spec.run in only)]
        series = _pasts(curves, specs, shown, look) if only else []
        alone = 0 < len(only) <= PAIRS
        colours = _colours([sizes.index(spec.counts.n_params) for spec in shown], apart=alone)
        if look.smoothing and len(shown) <= PACK:
            raw = replace(look, smoothing=0)
            series = [self._line(spec, curves[spec.run], raw, None, "") for spec in reversed(shown)] + series
        for spec, colour in zip(shown, colours, strict=True):
            series.append(self._line(spec, curves[spec.run], look, colour, spec.run if alone else spec.rung))
        # Of a task, training losses too are of its targets alone.
        per = "target token" if any(spec.scored_pairs for spec in specs) else "token"
        return self._figure(series, look, per, growing=alive and any(curves[spec.run].growing for spec in shown))

    def _line(self, spec: RunSpec, curve: Curve, look: Look, colour: int | None, label: str) -> Series:
        """One curve; what has not grown is the line that it was."""
        x, y = _along(curve, look.along), curve.smoothed[look.smoothing - 1] if look.smoothing else curve.loss
        key = (spec.run, look.along, look.smoothing, colour, label)
        known = self._lines.get(key)
        if known is None or known.x is not x or known.y is not y:
            known = self._lines[key] = _line(spec, x, y, colour, label)
        return known

    def _figure(self, series: Sequence[Series], look: Look, per: str, *, growing: bool) -> Figure:
        label, notation = _LABELS[look.along]
        along, up = self._ends[look.log_x], self._ends[look.log_y]
        low_x, high_x = around(_all(along(each.x) for each in series), log=look.log_x, margin=0.0)
        # What grows has air besides: its axes go on to the next step.
        air = 0.02 if growing else 0.05
        low_y, high_y = around(_all(up(each.y) for each in series), log=look.log_y, margin=air)
        return Figure(
            title=look.words(),
            x=Axis(label=label, low=low_x, high=high_x, log=look.log_x, notation=notation),
            y=Axis(label=f"loss, nats a {per}", low=low_y, high=high_y, log=look.log_y),
            series=tuple(series),
            growing=growing,
        )


def _colours(rungs: Sequence[int], *, apart: bool) -> list[int]:
    """Each run's colour: its rung's, or `apart` of runs of one rung the next that nobody has."""
    found: list[int] = []
    for rung in rungs:
        colour = rung % len(PALETTE)
        while apart and colour in found:
            colour = (colour + 1) % len(PALETTE)
        found.append(colour)
    return found


def _pasts(curves: Mapping[str, Curve], specs: Sequence[RunSpec], shown: Sequence[RunSpec], look: Look) -> list[Series]:
    """Where the branches that are looked at come from: their trunks in grey, as far as the last of them leaves."""
    leave: dict[str, int] = {}
    for spec in shown:
        if spec.parent and spec.parent in curves and not any(each.run == spec.parent for each in shown):
            leave[spec.parent] = max(spec.first_step, leave.get(spec.parent, 0))
    found = []
    for spec in (spec for spec in specs if spec.run in leave):
        curve = curves[spec.run]
        until = int(np.searchsorted(curve.step, leave[spec.run], side="right"))
        found.append(_line(spec, _along(curve, look.along)[:until], curve.loss[:until], None, ""))
    return found


def _line(spec: RunSpec, x: Array, y: Array, colour: int | None, label: str) -> Series:
    return Series(role=Role.CURVE, mark=Mark.LINE, name=spec.run, label=label, colour=colour, x=x, y=y)


def _along(curve: Curve, along: Along) -> Array:
    match along:
        case Along.TOKENS:
            return curve.n_tokens
        case Along.FLOPS:
            return curve.flops
        case Along.STEPS:
            return curve.step
        case Along.SECONDS:
            return curve.seconds
