"""Words in a drawn figure: a label at each line's end, or one row that says which colour is what."""

from __future__ import annotations

from typing import Any

import numpy as np

from scalelab.figures import Axis, Figure, Mark, Role
from scalelab.report.endings import Ending, apart
from scalelab.report.paper import Paper

SIZE = 9.5
CHARACTER, LINE = 6.2, 13.0
"""Width of a character and height of a line at that size, in pixels."""


def is_keyed(figure: Figure) -> bool:
    """Whether colours are told in a row above: dots without lines have no end to stand at."""
    named = [each for each in figure.series if each.label]
    return bool(named) and all(each.mark is Mark.DOTS and each.role is Role.RUNS for each in named)


def key(canvas: Any, figure: Figure, paper: Paper) -> None:
    """The labels in a row above the axes, from the right."""
    width, height = (size * canvas.dpi for size in canvas.get_size_inches())
    right = width - 16
    for series in reversed([each for each in figure.series if each.label]):
        word = f"● {series.label}"
        canvas.text(right / width, 1 - 0.80 * canvas.dpi / height, word, size=8.5, color=paper.of(series), ha="right",
                    va="center")  # fmt: skip
        right -= 6.2 * len(word) + 14


def label_ends(axes: Any, figure: Figure, paper: Paper) -> None:
    """Each label to the right of its line's end, moved up or down until none overlaps another."""
    place, whole = axes.transData, axes.figure.bbox
    wanted = []
    for series in figure.series:
        inside = np.flatnonzero(_inside(figure.x, series.x) & _inside(figure.y, series.y))
        if series.label and len(inside):
            last = inside[int(np.argmax(series.x[inside]))]
            end = series.x[last] if series.x_high is None else max(series.x[last], series.x_high[last])
            x, y = place.transform((min(end, figure.x.high), series.y[last]))
            wanted.append(Ending(text=series.label, x=x + 9, y=y, colour=paper.of(series)))
    for ending, y in apart(wanted, char=CHARACTER, line=LINE):
        # As a share of the paper: pixels are others in a PNG of twice the size, and points in an SVG.
        spot = (ending.x / whole.width, y / whole.height)
        axes.annotate(ending.text, spot, xycoords="figure fraction", va="center_baseline", size=SIZE,
                      color=ending.colour, annotation_clip=False, zorder=50,
                      bbox={"facecolor": paper["paper"], "alpha": 0.75, "edgecolor": "none", "pad": 0.6})  # fmt: skip


def _inside(axis: Axis, values: np.ndarray) -> np.ndarray:
    shares = axis.place(values)
    return np.isfinite(shares) & (shares >= -1e-9) & (shares <= 1 + 1e-9)
