"""The figures of the law's view: what `figures` and `report.pictures` build, and the numbers along the refits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scalelab import figures
from scalelab.figures import Axis, Figure, Mark, Notation, Role, Series
from scalelab.figures.axis import around
from scalelab.report import numbers
from scalelab.report.pictures import loss_picture
from scalelab.report.source import Subject
from scalelab.tui.snapshot import PastLaw

EXPONENTS = ("alpha", "beta", "alpha_N", "alpha_D", "gamma", "a", "b", "kappa")
"""Numbers of laws that are exponents and share an axis."""

SPAN = 6.0
"""Runs that the axis spans at least, so that its ticks are whole."""


def loss(subject: Subject) -> Figure:
    """Loss against compute: the law at each size, the runs, the frontier."""
    return loss_picture(subject)


def misses(subject: Subject) -> Figure:
    """By how much each run misses the law."""
    return figures.residuals(subject.runs, subject.assessment.fit())


def history(past: Sequence[PastLaw], law: str) -> Figure | None:
    """The exponents of a law at each refit, with their intervals; None before a second one."""
    own = [each for each in past if each.law == law]
    names = [name for name in EXPONENTS if own and name in own[-1].estimates]
    if len(own) < 2 or not names:
        return None
    runs = np.array([float(each.n_runs) for each in own])
    lines = [_line(own, runs, name, place) for place, name in enumerate(names)]
    low_x, high_x = around([*runs.tolist(), runs.max() - SPAN], log=False)
    low_y, high_y = around((value for line in lines for value in line.y.tolist()), log=False, margin=0.3)
    return Figure(
        title=f"exponents of {law} as runs came in",
        x=Axis(label="finished runs", low=low_x, high=high_x, notation=Notation.COUNT),
        y=Axis(label="exponent", low=low_y, high=high_y),
        series=tuple(lines),
    )


def _line(own: Sequence[PastLaw], runs: np.ndarray, name: str, place: int) -> Series:
    value, low, high = (np.array([each.estimates[name][part] for each in own]) for part in range(3))
    return Series(
        role=Role.RUNS, mark=Mark.DOTS, name=numbers.greek(name), label=numbers.greek(name), colour=(place * 5) % 7,
        x=runs, y=value, low=low, high=high,
    )  # fmt: skip
