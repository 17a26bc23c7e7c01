"""The report that ends a run and answers `fit`: losses, picture, laws, what they are worth, what they promise.

Sections are lists of lines, a line is one rich Text; each section stands in a function of its own, in the order of
reading. What is decided here is words and layout; every number comes from `laws`.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from scalelab.figures import loss_against_compute
from scalelab.gate import clean
from scalelab.report import numbers, plot
from scalelab.report.columns import columns
from scalelab.report.console import glyphs_of
from scalelab.report.losses import LossGrid, loss_grid
from scalelab.units import format_count

if TYPE_CHECKING:
    from rich.console import Console

    from scalelab.laws import Assessment, Fit
    from scalelab.report.source import Subject

PROSE = 100
"""Sentences are not set wider than this: longer lines are hard to follow."""
WIDEST_PLOT = 150
DETAILED = ("power", "chinchilla", "kaplan", "coupled")
SHOWN_EXCEPTIONS, SHOWN_EXCLUSIONS = 4, 6
MOST_BUDGETS = 12
FRONTIER_POINTS = 24

Lines = list[Text]


def print_report(console: Console, subject: Subject, *, plot_height: int | None = None, picture: bool = True) -> None:
    """The whole report on a console."""
    width = console.width
    grid = loss_grid(subject.runs, subject.rung_names)
    sections = [headline(subject, width), losses(grid, width)]
    if picture and len(subject.runs) > 1:
        sections.append(picture_lines(console, subject, plot_height))
    sections += [
        laws(subject.assessment, width),
        verdicts(subject.assessment, width),
        honest_check(subject, width),
        promise(subject.assessment, width),
        left_out(subject, width),
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
    compute = f"{numbers.flops(float(runs.compute.min()))} to {numbers.flops(float(runs.compute.max()))}"
    spread = f"{len(runs)} runs, N {_span(runs.n_params)}, D {_span(runs.n_tokens)}, C {compute} FLOPs"
    lines = _wrapped(f"{name}: {spread}", width, hang=2)
    lines[0].stylize("bold", 0, len(name))
    facts = " · ".join(clean(fact, 120) for fact in subject.facts)
    return lines + [Text("  " + line, "dim") for line in textwrap.wrap(facts, min(width, PROSE) - 2)]


def losses(grid: LossGrid, width: int) -> Lines:
    """The table of final losses, and where more did not help; nothing where the runs make no grid."""
    if grid.filled < 0.5 or not 1 < len(grid.n_tokens) <= MOST_BUDGETS or len(grid.n_params) < 2:
        return []
    names = [[rung, format_count(size)] for rung, size in zip(grid.rungs, grid.n_params, strict=True)]
    if all(rung == size for rung, size in names):
        names = [[size] for _, size in names]
    head = ["rung", "N"][-len(names[0]):] + [format_count(tokens) for tokens in grid.n_tokens]
    body = [
        [*name, *("" if np.isnan(loss) else f"{loss:.4f}" for loss in row)]
        for name, row in zip(names, grid.loss, strict=True)
    ]
    seeds = int(grid.n_runs.max())
    title = f"Held-out loss, nats a token, by N and D{f' (mean of {seeds} seeds)' if seeds > 1 else ''}"
    lines = [_heading(title), *_columns([head, *body])]
    return lines + _monotone(grid.exceptions(), width)


def _monotone(exceptions: list[str], width: int) -> Lines:
    if not exceptions:
        return [Text("  Loss falls with N at every D and with D at every N.")]
    lines = [Text(f"  Loss falls with N and with D, but for {len(exceptions)} of the neighbouring pairs:")]
    for exception in exceptions[:SHOWN_EXCEPTIONS]:
        lines += _wrapped(f"  - {exception}", width, hang=4)
    if len(exceptions) > SHOWN_EXCEPTIONS:
        lines.append(Text(f"  - and {len(exceptions) - SHOWN_EXCEPTIONS} more"))
    return lines


def picture_lines(console: Console, subject: Subject, height: int | None) -> Lines:
    """Loss against compute, drawn to fit the console."""
    seen = subject.assessment
    width = min(console.width, WIDEST_PLOT)
    tall = height or min(max(shutil.get_terminal_size().lines - 8, 15), max(width // 4, 15), 34)
    frontier = []
    if seen.best is not None and seen.optimum is not None and seen.optimum.interior:
        span = np.geomspace(subject.runs.compute.min(), seen.optimum.flops, FRONTIER_POINTS)
        frontier = [best for best in (seen.frontier(float(flops)) for flops in span) if best.interior]
    figure = loss_against_compute(
        subject.runs, seen if seen.best is not None else None, frontier, seen.optimum if frontier else None
    )
    glyphs = glyphs_of(console)
    drawn = Text.from_ansi(plot.draw(figure, width, tall, glyphs))
    title = "Loss, nats a token, against compute"
    key = plot.legend(glyphs, [series.role for series in figure.series])
    lines = [_heading(title)]
    return [*lines, *drawn.split("\n"), *(Text("  " + line, "dim") for line in textwrap.wrap(key, width - 2))]


def laws(seen: Assessment, width: int) -> Lines:
    """The laws side by side, with the numbers of those that are asked for by name."""
    if not seen.fits:
        return [_heading("Laws"), *_wrapped(f"  {clean(seen.verdicts[0])}" if seen.verdicts else "  none yet", width)]
    score = {each.law: each for each in seen.scores}
    rows = [["law", "form", "R²", "held back"]]
    for fit in seen.fits:
        held = score[fit.law].held_back if fit.law in score else None
        rows.append([f"{'▸' if fit.law == seen.best else ' '} {fit.law}", numbers.greek(fit.form.formula),
                     f"{fit.r2_log:.5f}", "" if held is None else numbers.percent(held)])
    drawn = _columns(rows, left={0, 1})
    lines = [_heading("Laws, with 95 % intervals; R² in log space; error on the largest runs, held back"), drawn[0]]
    for fit, line in zip(seen.fits, drawn[1:], strict=True):
        if fit.law == seen.best:
            line.stylize("bold")
        lines.append(line)
        if fit.law in DETAILED or fit.law == seen.best:
            lines += _estimates(fit, width)
    return lines + _wrapped(f"  Best: {seen.reason}.", width, hang=2)


def _estimates(fit: Fit, width: int) -> Lines:
    if fit.verdict == "withhold":
        return [Text("      exponents withheld: these runs cannot tell N from D", "dim")]
    return [Text(line, "dim") for line in packed((numbers.estimate(each) for each in fit.estimates), width, indent=6)]


def packed(items: Iterable[str], width: int, indent: int) -> list[str]:
    """Items three spaces apart, as many on a line as the width holds; none is broken."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + 3 + len(item) <= min(width, PROSE + 20):
            lines[-1] += "   " + item
        else:
            lines.append(" " * indent + item)
    return lines


def verdicts(seen: Assessment, width: int) -> Lines:
    """What a person should know before believing any of it."""
    if seen.best is None:
        return []
    lines = [_heading("What the runs can say")]
    for sentence in seen.verdicts:
        # The honest check and the list of what was left out have sections of their own.
        if sentence.startswith("fitted without") or sentence.endswith("left out"):
            continue
        lines += _wrapped(f"  - {clean(sentence)}", width, hang=4)
    return lines


def honest_check(subject: Subject, width: int) -> Lines:
    """Each law fitted without the largest runs, against those runs; and what was predicted before runs had ended."""
    checks = [*_held_out(subject.assessment), *_foretold(subject, width)]
    return [_heading("The honest check"), *checks] if checks else []


def _held_out(seen: Assessment) -> Lines:
    if not seen.hold_outs:
        return []
    rows = [["fitted without", "runs", "law", "predicted", "observed", "miss"]]
    # Where one run is the whole largest budget, both checks are the same one.
    for each in {(each.law, each.left_out): each for each in seen.hold_outs}.values():
        alone = len(each.left_out) == 1
        rows.append([
            clean(each.left_out[0], 24) if alone else f"the {each.held.replace('-', ' ')}",
            str(len(each.left_out)), each.law, f"{np.mean(each.predicted):.4f}", f"{np.mean(each.observed):.4f}",
            numbers.percent(each.error),
        ])  # fmt: skip
    return _columns(rows, left={0, 2})


def _foretold(subject: Subject, width: int) -> Lines:
    misses = [abs(each.miss) for each in subject.foretold if each.miss is not None]
    if not misses:
        return []
    inside = sum(each.inside is True for each in subject.foretold)
    return _wrapped(
        f"  Of {len(misses)} runs that were predicted before they ended, {inside} came out inside the interval; "
        f"the middle miss is {numbers.percent(float(np.median(misses)))}.", width, hang=2)


def promise(seen: Assessment, width: int) -> Lines:
    """The best N and D at ten times the largest compute, and the loss there."""
    best = seen.optimum
    if best is None:
        return []
    lines = [_heading(f"At 10 × the largest run: C = {numbers.flops(best.flops)} FLOPs")]
    if not best.interior:
        words = f"{best.law} has no best split between N and D: it would put everything into one of them"
        return [*lines, *_wrapped(f"  {words}.", width, hang=2)]
    loss = numbers.interval(best.loss, best.low, best.high)
    lines.append(Text.assemble("  best  N = ", (format_count(best.n_params), "bold"), "   D = ",
                               (format_count(best.n_tokens), "bold"), f"   ({best.n_tokens / best.n_params:.0f} tokens "
                               "a parameter)"))
    lines.append(Text.assemble("  loss  ", (loss, "bold"), f" nats a token, 95 %, by {best.law}"))
    return lines


def left_out(subject: Subject, width: int) -> Lines:
    """Runs that are no points of the fit, each with its reason, and what a reader found odd."""
    seen = subject.assessment
    lines: Lines = []
    if seen.n_excluded:
        lines.append(_heading(f"Left out of the fit: {seen.n_excluded} of {seen.n_runs + seen.n_excluded} runs"))
        for each in seen.excluded[:SHOWN_EXCLUSIONS]:
            where = f"line {each.line}" if each.line is not None else ""
            name = " ".join(filter(None, (clean(each.run, 40), where)))
            lines += _wrapped(f"  - {name}: {clean(each.reason, 200)}", width, hang=4)
        if seen.n_excluded > SHOWN_EXCLUSIONS:
            lines.append(Text(f"  - and {seen.n_excluded - SHOWN_EXCLUSIONS} more (--json lists them)"))
    for note in subject.runs.notes:
        lines += _wrapped(f"  note: {clean(note, 300)}", width, hang=8)
    return lines


def _heading(text: str) -> Text:
    return Text(text, "bold")


def _span(column: np.ndarray) -> str:
    low, high = format_count(float(column.min())), format_count(float(column.max()))
    return low if low == high else f"{low} to {high}"


def _wrapped(sentence: str, width: int, hang: int = 0) -> Lines:
    return [Text(line) for line in textwrap.wrap(sentence, min(width, PROSE), subsequent_indent=" " * hang,
                                                 break_on_hyphens=False)]  # fmt: skip


def _columns(rows: list[list[str]], left: Collection[int] = ()) -> Lines:
    """Aligned columns whose first row is the head."""
    lines = [Text(line) for line in columns(rows, left=left, indent=2)]
    lines[0].stylize("dim")
    return lines
