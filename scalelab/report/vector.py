"""A figure drawn with matplotlib, as SVG or PNG. Knows figures and paper, nothing of labs or laws.

matplotlib takes half a second to load and is loaded here alone, when something is drawn; no window, no pyplot.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from scalelab.figures import Axis, Figure, Mark, Notation, Role, Series, Surface
from scalelab.report import lettering
from scalelab.report.layout import capital
from scalelab.report.paper import LIGHT, NAMED, Paper, with_names

WIDTH, HEIGHT, SQUARE = 8.0, 4.6, 6.0
"""Inches; 100 pixels each."""
DPI = 100
MOST_DOTS = 1_500
"""More dots than this are ink on ink, and make a page of megabytes."""
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LINES = {Role.FRONTIER: (2.2, "-"), Role.ISO_N: (1.3, "-"), Role.ZERO: (1.0, "-"), Role.ISO_C: (1.3, "-")}
_SIZES = {Role.FORECAST: 70.0, Role.MINIMUM: 46.0, Role.SCORE: 52.0, Role.CHOSEN: 64.0}
_DIAMONDS = frozenset({Role.FORECAST, Role.MINIMUM})


def svg(figure: Figure | Surface, name: str) -> str:
    """The figure as an SVG element for a page: colours are CSS variables, every id begins with `name`."""
    raw = _saved(figure, NAMED, "svg", name, transparent=True).decode()
    element = with_names(raw[raw.index("<svg") :])
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", element))
    element = re.sub(r'(\sid=")', rf"\g<1>{name}-", element)
    return re.sub(r"((?:url\(|href=\")#)", rf"\g<1>{name}-", element)


def svg_file(figure: Figure | Surface, name: str) -> bytes:
    """The figure as an SVG file on light paper."""
    return _saved(figure, LIGHT, "svg", name)


def png_file(figure: Figure | Surface, name: str) -> bytes:
    """The figure as a PNG on light paper, at twice the size that it is meant to be read at."""
    return _saved(figure, LIGHT, "png", name, scale=2)


def _saved(
    figure: Figure | Surface, paper: Paper, form: str, name: str, *, transparent: bool = False, scale: int = 1
) -> bytes:
    stream = io.BytesIO()
    with _drawing(name, paper):
        canvas = _surface(figure, paper) if isinstance(figure, Surface) else _plain(figure, paper)
        metadata = {"Date": None, "Creator": "scalelab"} if form == "svg" else {"Software": "scalelab"}
        canvas.savefig(stream, format=form, transparent=transparent, dpi=DPI * scale, metadata=metadata)
    return stream.getvalue()


@contextmanager
def _drawing(name: str, paper: Paper) -> Iterator[None]:
    """The drawing library as it is wanted here: text as text, the same bytes for the same figure, no talk on stderr."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib as mpl

    settings: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": name, "font.family": "DejaVu Sans", "font.size": 10.0,
        "text.color": paper["ink"], "axes.labelcolor": paper["muted"], "xtick.color": paper["muted"],
        "ytick.color": paper["muted"], "axes.edgecolor": paper["muted"], "text.parse_math": False,
        "figure.facecolor": paper["paper"], "axes.facecolor": "none", "axes.unicode_minus": True,
    }  # fmt: skip
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sign that the font lacks is drawn as a box, which is enough
        yield


def _canvas(
    figure: Figure | Surface, paper: Paper, width: float, height: float, right: float, head: float = 0.70
) -> tuple[Any, Any]:
    """Paper with a title, and axes as the figure has them; `right` and `head` are inches kept free beside and above."""
    from matplotlib.figure import Figure as Canvas

    canvas: Any = Canvas(figsize=(width, height), dpi=DPI)
    names = max((len(name) for name in figure.y.names), default=0)
    left = max(0.62, 0.3 + 0.085 * names)
    axes = canvas.add_axes((left / width, 0.62 / height, 1 - (left + right) / width, 1 - (0.62 + head) / height))
    inset = 0.12 if paper is LIGHT else 0.0  # on a page the figure stands flush with the text
    canvas.text(inset / width, 1 - 0.32 / height, capital(figure.title), size=12.5, weight="bold", va="center")
    if figure.y.label:
        canvas.text(inset / width, 1 - 0.57 / height, figure.y.label, size=9.5, color=paper["muted"], va="center")
    _set_axis(axes.xaxis, figure.x, 6)
    _set_axis(axes.yaxis, figure.y, 6)
    axes.set_xlabel(figure.x.label, size=9.5, labelpad=6)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_linewidth(0.8)
    axes.tick_params(axis="both", length=0, pad=5, labelsize=9.5)
    axes.tick_params(axis="x", length=4, width=0.8)
    return canvas, axes


def _set_axis(side: Any, axis: Axis, most: int) -> None:
    """Range, scale and ticks as the figure has them; matplotlib's own minor ticks stay away."""
    from matplotlib.ticker import NullLocator

    name = side.axis_name
    getattr(side.axes, f"set_{name}scale")("log" if axis.log else "linear")
    getattr(side.axes, f"set_{name}lim")(axis.low, axis.high)
    ticks = axis.ticks(most)
    side.set_ticks([place for place, _ in ticks], labels=[_tick(axis, word) for _, word in ticks])
    side.set_minor_locator(NullLocator())


def _tick(axis: Axis, word: str) -> str:
    """Powers with their exponent raised: "1e12" → "10¹²"."""
    if axis.notation is not Notation.POWER or "e" not in word:
        return word.replace("-", "−") if not axis.names else word
    mantissa, exponent = word.split("e")
    power = "10" + exponent.translate(_SUPERSCRIPT)
    return power if mantissa == "1" else f"{mantissa}·{power}"


def _plain(figure: Figure, paper: Paper) -> Any:
    """Lines, bands, dots, and a label at each line's end."""
    keyed = lettering.is_keyed(figure)
    longest = 0 if keyed else max((len(each.label) for each in figure.series), default=0)
    height = HEIGHT if not figure.y.names else 1.5 + 0.42 * len(figure.y.names)
    canvas, axes = _canvas(figure, paper, WIDTH, height, 0.25 + 0.082 * longest, 0.95 if keyed else 0.70)
    if not figure.y.names:
        axes.grid(axis="y", color=paper["grid"], linewidth=0.8)
    else:
        axes.grid(axis="x", color=paper["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    for layer, series in enumerate(figure.series):
        (_draw_line if series.mark is Mark.LINE else _draw_dots)(axes, series, paper, 2 + layer)
    if keyed:
        lettering.key(canvas, figure, paper)
    else:
        lettering.label_ends(axes, figure, paper)
    return canvas


def _draw_line(axes: Any, series: Series, paper: Paper, layer: int) -> None:
    colour = paper["muted"] if series.role is Role.ZERO else paper.of(series)
    width, style = _LINES.get(series.role, (1.8, "-"))
    if series.low is not None and series.high is not None:
        axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.16, linewidth=0, zorder=1.5)
    axes.plot(series.x, series.y, color=colour, linewidth=width, linestyle=style, zorder=layer,
              solid_capstyle="round")  # fmt: skip


def _draw_dots(axes: Any, series: Series, paper: Paper, layer: int) -> None:
    colour = paper.of(series)
    shown = _thinned(series.y)
    x, y = series.x[shown], series.y[shown]
    for low, high, flat in ((series.low, series.high, False), (series.x_low, series.x_high, True)):
        if low is not None and high is not None:
            draw = axes.hlines if flat else axes.vlines
            draw(y if flat else x, low[shown], high[shown], color=colour, linewidth=1.8, zorder=layer)
    crowded = len(series.y) > 200
    axes.scatter(x, y, s=_SIZES.get(series.role, 14.0 if crowded else 30.0), color=colour, zorder=layer + 0.5,
                 marker="D" if series.role in _DIAMONDS else "o", edgecolors=paper["paper"],
                 linewidths=0.4 if crowded else 0.9)  # fmt: skip


def _thinned(y: np.ndarray) -> np.ndarray:
    """Which dots are drawn: all, or evenly many of those in order of height, so that the outermost stay."""
    if len(y) <= MOST_DOTS:
        return np.arange(len(y))
    return np.sort(np.argsort(y, kind="stable")[np.linspace(0, len(y) - 1, MOST_DOTS).astype(int)])


def _surface(figure: Surface, paper: Paper) -> Any:
    """Bands of loss between contours with their values on them, the runs and the frontier."""
    canvas, axes = _canvas(figure, paper, WIDTH, SQUARE, right=0.25)
    levels = sorted(figure.levels)
    edges = [min(float(figure.loss.min()), levels[0]) * 0.999, *levels,
             max(float(figure.loss.max()), levels[-1]) * 1.001]  # fmt: skip
    axes.contourf(figure.n_params, figure.n_tokens, figure.loss, levels=edges, cmap="viridis_r", antialiased=False)
    inks = ["#1c2024" if place < len(levels) / 2 else "white" for place in range(len(levels))]
    lines = axes.contour(figure.n_params, figure.n_tokens, figure.loss, levels=levels, colors=inks, linewidths=0.7)
    axes.clabel(lines, fmt=lambda level: f"{level:.4g}", fontsize=9, inline=True, inline_spacing=4)
    for series in figure.series:
        if series.mark is Mark.LINE:
            axes.plot(series.x, series.y, color=paper["red"], linewidth=2.2)
        else:
            shown = _thinned(series.y)
            axes.scatter(series.x[shown], series.y[shown], s=26, color="white", edgecolors="#1c2024", linewidths=0.9,
                         zorder=5)  # fmt: skip
    return canvas
