"""The figures of the law's view: what `figures` and `report.pictures` build, and the exponents along the refits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from scalelab import figures
from scalelab.figures import Axis, Figure, Mark, Notation, Role, Series
from scalelab.figures.axis import around
from scalelab.figures.optimal import D_COLOUR, N_COLOUR
from scalelab.report import numbers
from scalelab.report.pictures import Picture, contest_pictures, growth_pictures, loss_picture
from scalelab.report.source import Subject
from scalelab.tui.snapshot import PastLaw, Snapshot

EXPONENTS = ("alpha", "beta", "alpha_N", "alpha_D", "gamma", "a", "b", "kappa")
"""Numbers of laws that are exponents and share an axis."""
GROWTH = {"a": ("a of N* ∝ C^a", N_COLOUR), "b": ("b of D* ∝ C^b", D_COLOUR)}
SPAN = 6.0
"""Runs that the axis spans at least, so that its ticks are whole."""
APART = 0.1
"""Runs between the marks of two exponents at one refit."""

Numbers = tuple[float, float, float]
"""Value, low, high."""


def build(name: str, shot: Snapshot, subject: Subject) -> Figure | None:
    """The figure of this pane, None where these runs have none."""
    return BUILDERS[name](shot, subject)


def history(past: Sequence[PastLaw], law: str) -> Figure | None:
    """The exponents of a law at each refit, with their intervals; None before a second one."""
    own = [each for each in past if each.law == law]
    names = [name for name in EXPONENTS if own and name in own[-1].estimates]
    if len(own) < 2 or not names:
        return None
    runs = [float(each.n_runs) for each in own]
    lines = [
        _line(numbers.greek(name), (place * 5) % 7, runs, [each.estimates[name] for each in own])
        for place, name in enumerate(names)
    ]
    return _along_runs(f"exponents of {law} as runs came in", lines)


def growth(past: Sequence[PastLaw], law: str) -> Figure | None:
    """A and b of N* ∝ C^a, D* ∝ C^b at each refit; None before a second one that has them."""
    told = [each for each in past if each.law == law and each.growth]
    if len(told) < 2:
        return None
    runs = [float(each.n_runs) for each in told]
    lines = [
        _line(label, colour, runs, [each.growth[name] for each in told]) for name, (label, colour) in GROWTH.items()
    ]
    return _along_runs(f"how the best N and D grow with compute, by {law} as runs came in", lines)


def _along_runs(title: str, lines: Sequence[Series]) -> Figure:
    # A little apart, or the interval of one hides that of another.
    shifts = (np.arange(len(lines)) - (len(lines) - 1) / 2) * APART
    lines = [replace(line, x=line.x + shift) for line, shift in zip(lines, shifts.tolist(), strict=True)]
    runs = lines[-1].x
    low_x, high_x = around([*runs.tolist(), runs.max() - SPAN], log=False)
    low_y, high_y = around((value for line in lines for value in line.y.tolist()), log=False, margin=0.3)
    return Figure(
        title=title,
        x=Axis(label="finished runs", low=low_x, high=high_x, notation=Notation.COUNT),
        y=Axis(label="exponent", low=low_y, high=high_y),
        series=tuple(lines),
    )


def _line(label: str, colour: int, runs: Sequence[float], told: Sequence[Numbers]) -> Series:
    value, low, high = (np.array([each[part] for each in told]) for part in range(3))
    return Series(role=Role.RUNS, mark=Mark.DOTS, name=label, label=label, colour=colour, x=np.array(runs), y=value,
                  low=low, high=high)  # fmt: skip


def _first(found: Sequence[Picture], key: str) -> Figure | None:
    """The figure of this key, where there is one."""
    return next((each.figure for each in found if each.key == key and isinstance(each.figure, Figure)), None)


BUILDERS: Mapping[str, Callable[[Snapshot, Subject], Figure | None]] = {
    "loss": lambda _, subject: loss_picture(subject),
    "misses": lambda _, subject: figures.residuals(subject.runs, subject.assessment.fit()),
    "contest": lambda _, subject: _first(contest_pictures(subject), "contest"),
    "history": lambda shot, subject: history(shot.history, str(subject.assessment.best)),
    "growth": lambda shot, subject: growth(shot.history, str(subject.assessment.best)),
    "split": lambda _, subject: _first(growth_pictures(subject), "optimal"),
    "isoflop": lambda _, subject: _first(growth_pictures(subject), "isoflop"),
}
"""Pane → its figure."""
