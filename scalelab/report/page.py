"""The report as one HTML file: no request goes out from it, no script runs in it, it follows light and dark and prints.

Decides words and order; the numbers come from `laws`, the figures from `pictures`, and every text passes `markup`.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from scalelab import __version__
from scalelab.report import findings, numbers, page_parts, promise, vector
from scalelab.report.layout import capital, weighing
from scalelab.report.markup import Markup, element, joined, table
from scalelab.report.paper import css_variables
from scalelab.report.parameters import law_line, method_words, parameter_rows
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws.card import Card
    from scalelab.report.pictures import Picture
    from scalelab.report.source import Subject


def page(subject: Subject, card: Card, pictures: list[Picture]) -> str:
    """The whole document."""
    drawn = {each.key: _figure(each) for each in pictures}
    body = joined(
        _head(subject), drawn.pop("loss-against-compute", None), _parameters(subject),
        *page_parts.contest(subject, drawn.pop("contest", None)), *page_parts.verdicts(subject),
        *page_parts.growth(subject, [drawn.pop(key) for key in ("isoflop", "optimal", "exponents") if key in drawn]),
        element("h2", "The law over N and D, and how far the runs lie from it") if drawn else None, *drawn.values(),
        *page_parts.checks(subject), *page_parts.runs(subject), *page_parts.card(card), _foot(),
    )  # fmt: skip
    title = f"{subject.name}: its scaling law"
    style = Markup(css_variables() + resources.files("scalelab.report").joinpath("page.css").read_text("utf-8"))
    head = element(
        "head", element("meta", charset="utf-8"), element("title", title),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=f"scalelab {__version__}"),
        element("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        element("style", style),
    )  # fmt: skip
    return "<!doctype html>\n" + element("html", head, element("body", body), lang="en") + "\n"


def _figure(picture: Picture) -> Markup:
    drawing = vector.svg(picture.figure, picture.key)
    named = drawing.replace("<svg", '<svg role="img" aria-labelledby="about-' + picture.key + '"', 1)
    caption = element("figcaption", picture.caption, id=f"about-{picture.key}")
    return element("figure", Markup(named), caption)


def _head(subject: Subject) -> Markup:
    """Title, where the runs are from, the law in a line, and the three numbers that a reader came for."""
    runs, seen = subject.runs, subject.assessment
    spread = (
        f"{page_parts.counted(len(runs), 'run')}, N {page_parts.span(runs.n_params)}, "
        f"D {page_parts.span(runs.n_tokens)} tokens, C {page_parts.compute(runs)} FLOPs"
    )
    return joined(
        element("h1", f"{subject.name}: its scaling law"),
        element("p", " · ".join(filter(None, (spread, *subject.facts, weighing(runs)))), class_="muted"),
        element("div", law_line(findings.shown_law(seen)), class_="law"),
        element("p", page_parts.law_in_words(findings.shown_law(seen), subject.target_words)),
        _promise(subject),
    )  # fmt: skip


def _promise(subject: Subject) -> Markup:
    """What ten times the largest compute would reach."""
    best = subject.assessment.optimum
    if best is None:
        return joined()
    seen = subject.assessment
    title = element("h2", f"At ten times the largest run, C = {numbers.flops(best.flops)} FLOPs")
    doubt = [element("p", f"{promise.UNSPLIT}.")] if promise.unsplit(seen, seen.fit()) else []
    doubt += [element("p", f"{capital(promise.along(seen))}.")] if seen.compute_law is not None else []
    doubt.append(element("p", f"{promise.predictions(seen)}.", class_="muted"))
    if not best.interior:
        return joined(title, element("p", f"{promise.no_split(seen)}."), *doubt)
    if not promise.tells(best):
        return joined(title, element("p", f"The loss at the best N and D is {promise.UNTOLD}."), *doubt)
    value, _, interval = promise.loss_words(best).partition(" ")
    n_ends, d_ends = (best.n_low, best.n_high), (best.d_low, best.d_high)
    ratio = numbers.ratio(best.n_tokens / best.n_params)
    by = f"{100 * seen.fit().level:g} %, by {promise.predictors(seen)}"
    return joined(title, element(
        "div", page_parts.fact(value, f"nats a {subject.target_words} {interval}, {by}"),
        *([page_parts.fact(format_count(best.n_params), f"parameters N, the best split{promise.ends(*n_ends)}"),
           page_parts.fact(format_count(best.n_tokens), f"tokens D, {ratio} a parameter{promise.ends(*d_ends)}")]
          if promise.splits(best) else []),
        class_="facts",
    ), None if promise.splits(best) else element("p", f"The best {promise.UNSPLIT_N}."), *doubt)  # fmt: skip


def _parameters(subject: Subject) -> Markup:
    fit = findings.shown_law(subject.assessment)
    withheld = element("p", f"{promise.WITHHELD}.") if promise.unsplit(subject.assessment, fit) else None
    if fit.verdict == "withhold":
        return joined(element("h2", f"The numbers of {fit.law}"), withheld)
    return joined(
        element("h2", f"The numbers of {fit.law}"),
        withheld,
        table(parameter_rows(fit)),
        element("p", f"Intervals by {method_words(fit)}, from {page_parts.counted(fit.n_runs, 'run')} with "
                f"{fit.n_free} fitted numbers. Runs scatter about the law by {numbers.percent(fit.sigma)}; "
                f"R² of ln loss is {fit.r2_log:.5f}.", class_="muted"),
    )  # fmt: skip


def _foot() -> Markup:
    return element("footer", f"Made by scalelab {__version__}. This file stands alone: it loads nothing.")
