"""The parts of a figure. Frozen, made of arrays and words; a drawer needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from scalelab.figures.axis import Axis

Array = npt.NDArray[np.float64]


class Mark(StrEnum):
    """How a series is shown."""

    LINE = "line"
    DOTS = "dots"


class Role(StrEnum):
    """What a series is, so that a drawer can choose its glyph where there is no colour."""

    ISO_N = "iso-n"
    """The law at one model size."""
    RUNS = "runs"
    """Measured points."""
    FRONTIER = "frontier"
    """The best loss for each compute."""
    FORECAST = "forecast"
    """A point that nobody has trained."""
    CURVE = "curve"
    """Loss while a run trains."""
    ZERO = "zero"
    """Where a residual would be none."""
    CONTOUR = "contour"
    """Where the law gives one loss."""
    ISO_C = "iso-c"
    """Runs, or the parabola through them, of one compute."""
    MINIMUM = "minimum"
    """The lowest point of such a parabola."""
    OPTIMUM = "optimum"
    """The best N or D for each compute."""
    SCORE = "score"
    """What one law reached in the contest."""
    CHOSEN = "chosen"
    """What the chosen law reached."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One line or one group of dots."""

    role: Role
    mark: Mark
    name: str
    """Whole name, for a legend or a cursor."""
    label: str = ""
    """Short name to stand at the line's right end; empty: none."""
    x: Array
    y: Array
    """NaN is a gap, never joined over."""
    colour: int | None = None
    """Place in the palette: the rung's place in the ladder."""
    points: tuple[str, ...] = ()
    """Name of each dot."""
    low: Array | None = None
    """Lower end of an interval about y: of a line the edge of its band, of dots a whisker."""
    high: Array | None = None
    x_low: Array | None = None
    """Lower end of an interval about x, a whisker that lies flat."""
    x_high: Array | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "role": str(self.role), "mark": str(self.mark), "name": self.name, "label": self.label,
            "x": self.x.tolist(), "y": self.y.tolist(), "colour": self.colour, "points": list(self.points),
            "low": None if self.low is None else self.low.tolist(),
            "high": None if self.high is None else self.high.tolist(),
            "x_low": None if self.x_low is None else self.x_low.tolist(),
            "x_high": None if self.x_high is None else self.x_high.tolist(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """Lines and dots over two axes; later series lie over earlier ones."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    growing: bool = False
    """Whether its lines still grow: a drawing that follows them may leave room at the ends of its axes."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see yet."""
        return not any(np.isfinite(each.y).any() for each in self.series)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """The law over N (x) and D (y), with the runs and the frontier on it."""

    title: str
    x: Axis
    y: Axis
    n_params: Array
    """Columns, log-spaced from the axis's low to its high."""
    n_tokens: Array
    """Rows, likewise, from below."""
    loss: Array
    """(rows, columns), nats a token."""
    levels: tuple[float, ...]
    """Losses at which a contour stands, largest first."""
    series: tuple[Series, ...]
