"""Loss curves as a Figure, from arrays that only grow: what `figures.loss_curves` makes of points, without the points.

Keeps what smoothing has cost. Knows numpy and figures, no screen.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scalelab.figures import PALETTE, Along, Axis, Figure, Mark, Notation, Role, Series
from scalelab.figures.axis import around
from scalelab.figures.curves import smoothed
from scalelab.records import RunSpec
from scalelab.tui.curves import Array, Curve

SMOOTHINGS = (0.0, 0.8, 0.97)
"""Weights of the past: not, a little, much."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the curves are drawn."""

    along: Along = Along.TOKENS
    log_x: bool = True
    log_y: bool = True
    smoothing: int = 0
    """Place in SMOOTHINGS."""

    def next_along(self) -> Look:
        """Along the next quantity."""
        every = list(Along)
        return replace(self, along=every[(every.index(self.along) + 1) % len(every)])

    def next_smoothing(self) -> Look:
        """Smoothed more, or again not at all."""
        return replace(self, smoothing=(self.smoothing + 1) % len(SMOOTHINGS))

    def words(self) -> str:
        """The look as it stands over the chart."""
        along = _SHORT.get(self.along, str(self.along))
        scales = f"{'log' if self.log_y else 'linear'} loss, {'log' if self.log_x else 'linear'} {along}"
        return scales + ("", ", smoothed", ", smoothed much")[self.smoothing]


class Ends:
    """The least and the greatest value of arrays, looked for once: of a lab's million values few are new.

    It holds the arrays of the figure before, so that no other array can have their identity.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, bool], tuple[Array, list[float]]] = {}

    def of(self, arrays: Sequence[Array], *, log: bool) -> list[float]:
        """Both of each array, of what can stand on the axis; nothing of an array without such a value."""
        self._known = {(id(each), log): self._known.get((id(each), log)) or (each, _ends(each, log)) for each in arrays}
        return [end for _, both in self._known.values() for end in both]


def _ends(array: Array, log: bool) -> list[float]:
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
        self._smooth: dict[tuple[str, int], tuple[int, Array]] = {}
        self._ends = Ends(), Ends()

    def make(
        self, curves: Mapping[str, Curve], specs: Sequence[RunSpec], look: Look, only: Collection[str] = ()
    ) -> Figure:
        """The curves of all runs that have points, or of `only` these; coloured by rung, one label a rung."""
        sizes = sorted({spec.counts.n_params for spec in specs})
        shown = [spec for spec in specs if spec.run in curves and (not only or spec.run in only)]
        series: list[Series] = _pasts(curves, specs, shown, look) if only else []
        alone = 0 < len(only) <= PAIRS
        colours = _colours([sizes.index(spec.counts.n_params) for spec in shown], apart=alone)
        for spec, colour in zip(shown, colours, strict=True):
            curve = curves[spec.run]
            x = _along(curve, look.along)
            if look.smoothing:
                series.insert(0, _line(spec, x, curve.loss, None, ""))
            label = spec.run if alone else spec.rung
            series.append(_line(spec, x, self._smoothed(curve, look.smoothing), colour, label))
        # Of a task, training losses too are of its targets alone.
        per = "target token" if any(spec.scored_pairs for spec in specs) else "token"
        return _figure(series, look, self._ends, per)

    def _smoothed(self, curve: Curve, smoothing: int) -> Array:
        if not smoothing:
            return curve.loss
        length, kept = self._smooth.get((curve.run, smoothing), (-1, curve.loss))
        if length != len(curve.loss):
            kept = smoothed(curve.loss, SMOOTHINGS[smoothing])
            self._smooth[curve.run, smoothing] = len(curve.loss), kept
        return kept


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


def _figure(series: Sequence[Series], look: Look, ends: tuple[Ends, Ends], per: str) -> Figure:
    label, notation = _LABELS[look.along]
    x = ends[0].of([each.x for each in series], log=look.log_x)
    y = ends[1].of([each.y for each in series], log=look.log_y)
    (low_x, high_x), (low_y, high_y) = around(x, log=look.log_x, margin=0.0), around(y, log=look.log_y, margin=0.05)
    return Figure(
        title=look.words(),
        x=Axis(label=label, low=low_x, high=high_x, log=look.log_x, notation=notation),
        y=Axis(label=f"loss, nats a {per}", low=low_y, high=high_y, log=look.log_y),
        series=tuple(series),
    )


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
