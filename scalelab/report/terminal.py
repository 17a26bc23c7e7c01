"""The report that ends a run and answers `fit`: losses, picture, laws, what they are worth, what they promise.

Sections are lists of lines, a line is one rich Text; each section stands in a function of its own, in the order of
reading. What is decided here is words and layout; every number comes from `laws`.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from scalelab.errors import BadInput
from scalelab.figures import Figure, Surface, contours
from scalelab.gate import clean
from scalelab.report import checks, findings, numbers, plot, promise, replay, shares
from scalelab.report.console import glyphs_of
from scalelab.report.layout import PROSE, Lines, capital, heading, span, table, weighing, wrapped
from scalelab.report.losses import LossGrid, loss_grid
from scalelab.report.pictures import loss_picture, pictures_of
from scalelab.report.scores import by_part, scored
from scalelab.units import format_count

if TYPE_CHECKING:
    from rich.console import Console

    from scalelab.laws.card import Card
    from scalelab.report.source import Subject

WIDEST_PLOT = 150
SHOWN_EXCEPTIONS = 4
MOST_BUDGETS = 12


def print_report(
    console: Console,
    subject: Subject,
    *,
    plot_height: int | None = None,
    picture: bool = True,
    plots: Sequence[str] = (),
    card: Card | None = None,
) -> None:
    """The whole report on a console: with the figures named in `plots`, and with a card the line that fits again."""
    width = console.width
    grid = loss_grid(subject.runs, subject.rung_names)
    sections = [
        headline(subject, width),
        losses(grid, width, subject.target_words),
        scored(subject, width),
        by_part(subject),
    ]
    if picture and len(subject.runs) > 1:
        sections.append(picture_lines(console, subject, plot_height, plots))
    sections += [
        findings.the_law(subject.assessment, width),
        findings.laws(subject.assessment, width),
        findings.verdicts(subject.assessment, width),
        findings.diagnosis(subject, width),
        findings.what_next(subject.assessment, width),
        shares.growth(subject, width),
        checks.honest_check(subject, width),
        promise.promise(subject.assessment, width, subject.target_words),
        findings.left_out(subject, width),
        replay.card(card, width),
    ]
    for section in filter(None, sections):
        for line in section:
            console.print(line, soft_wrap=True)
        console.print()


def headline(subject: Subject, width: int) -> Lines:
    """What the report is about, in one or two lines."""
    runs = subject.runs
    name = clean(subject.name, 60)
    if not len(runs):
        return [Text.assemble((name, "bold"), ": no finished runs yet")]
    ends = (runs.compute.min(), runs.compute.max())
    compute = " to ".join(dict.fromkeys(numbers.flops(float(end)) for end in ends))
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    spread = f"{count}, N {span(runs.n_params)}, D {span(runs.n_tokens)}, C {compute} FLOPs"
    lines = wrapped(f"{name}: {spread}", width, hang=2)
    lines[0].stylize("bold", 0, len(name))
    facts = " · ".join(clean(fact, 120) for fact in (*subject.facts, weighing(runs)) if fact)
    return lines + [Text("  " + line, "dim") for line in textwrap.wrap(facts, min(width, PROSE) - 2)]


def losses(grid: LossGrid, width: int, per: str = "token") -> Lines:
    """The table of final losses, and where more did not help; nothing where the runs make no grid."""
    if grid.filled < 0.5 or not 1 < len(grid.n_tokens) <= MOST_BUDGETS or len(grid.n_params) < 2:
        return []
    names = [[rung, format_count(size)] for rung, size in zip(grid.rungs, grid.n_params, strict=True)]
    if all(rung == size for rung, size in names):
        names = [[size] for _, size in names]
    head = ["rung", "N"][-len(names[0]) :] + [format_count(tokens) for tokens in grid.n_tokens]
    body = [
        [*name, *("" if np.isnan(loss) else f"{loss:.4f}" for loss in row)]
        for name, row in zip(names, grid.loss, strict=True)
    ]
    seeds = int(grid.n_runs.max())
    title = f"Held-out loss, nats a {per}, by N and D{f' (mean of {seeds} seeds)' if seeds > 1 else ''}"
    lines = [heading(title), *table([head, *body])]
    return lines + _monotone(grid.exceptions(), width)


def _monotone(exceptions: list[str], width: int) -> Lines:
    if not exceptions:
        return [Text("  Loss falls with N at every D and with D at every N.")]
    lines = [Text(f"  Loss falls with N and with D, but for {len(exceptions)} of the neighbouring pairs:")]
    for exception in exceptions[:SHOWN_EXCEPTIONS]:
        lines += wrapped(f"  - {exception}", width, hang=4)
    if len(exceptions) > SHOWN_EXCEPTIONS:
        lines.append(Text(f"  - and {len(exceptions) - SHOWN_EXCEPTIONS} more"))
    return lines


def picture_lines(console: Console, subject: Subject, height: int | None, chosen: Sequence[str] = ()) -> Lines:
    """Figures drawn to fit the console: those chosen by key, else loss against compute.

    Raises BadInput where these runs have no figure of that name.
    """
    if not chosen:
        title = f"Loss, nats a {subject.target_words}, against compute"
        return drawing(console, title, loss_picture(subject), height)
    known = {each.key: each.figure for each in pictures_of(subject)}
    lines: Lines = []
    for key in chosen:
        if key not in known:
            raise BadInput(f"these runs have no figure {clean(key, 40)!r}", allowed=", ".join(known))
        figure = known[key]
        plain = contours(figure) if isinstance(figure, Surface) else figure
        lines += [*([Text()] if lines else []), *drawing(console, capital(plain.title), plain, height)]
    return lines


def drawing(console: Console, title: str, figure: Figure, height: int | None) -> Lines:
    """One figure under its title, with the y axis's label where it is more than the title says, and what signs mean."""
    width = min(console.width, WIDEST_PLOT)
    tall = height or min(max(shutil.get_terminal_size().lines - 8, 15), max(width // 4, 15), 34)
    glyphs = glyphs_of(console)
    drawn = Text.from_ansi(plot.draw(figure, width, tall, glyphs))
    key = plot.legend(glyphs, [series.role for series in figure.series])
    return [
        heading(title), *drawn.split("\n"), *(Text("  " + line, "dim") for line in textwrap.wrap(key, width - 2)),
    ]  # fmt: skip
