"""What runs reach besides the loss of the fit: a task's scores, a mixture's parts, each as a table by N and D.

A score's link to the loss is the sigmoid of `laws.use.link` through (loss, score) of the runs that are shown; where
there is none, it says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.report.layout import Lines, heading, table, wrapped
from scalelab.report.losses import LEAST_FILLED, loss_grid
from scalelab.tasks import NAMES
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Link, Measured, Prediction
    from scalelab.records import Evaluation, Score
    from scalelab.report.source import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLink:
    """One score of a lab's task, and how it follows from the loss."""

    name: str
    """"chrf", "bleu", "exact", "f1"."""
    link: Link | None
    no_link: str = ""
    """Why there is none."""

    @property
    def title(self) -> str:
        """What people call the score."""
        return NAMES.get(self.name, self.name)

    def predict(self, found: Prediction) -> Measured | None:
        """The score of a predicted loss with its interval; None where there is no link to stand on."""
        if self.link is None or self.link.far(found.loss):
            return None
        return replace(self.link.predict(found), name=self.name)

    def refusal(self, found: Prediction) -> str:
        """Why `predict` says nothing."""
        if self.link is None:
            return self.no_link
        low, high = self.link.loss_range
        return f"a loss of {found.loss:.3g} is far outside the runs' own, {low:.3g} to {high:.3g}"

    def sentence(self) -> str:
        """The link in words."""
        if self.link is None:
            return f"{self.title}: no link to the loss: {clean(self.no_link, 200)}"
        k, middle, spread = self.link.k, self.link.middle, 100 * self.link.sigma
        return (
            f"{self.title} = 100 % · σ({k:.3g}·({middle:.3g} − loss)), by the link of {self.link.n_points} runs, which "
            f"scatter by {spread:.2g} points about it"
        )


def links(finals: Sequence[Evaluation], scores: Sequence[Score]) -> tuple[ScoreLink, ...]:
    """The link of every score to the final loss of the same runs."""
    from scalelab import laws

    loss = {final.run: final.loss for final in finals}
    found = []
    for name in _names(scores):
        points = [(loss[each.run], each.value) for each in scores if each.name == name and each.run in loss]
        try:
            link, why = laws.fit_link([x for x, _ in points], [y for _, y in points]), ""
        except BadInput as problem:
            link, why = None, problem.what.replace("accuracy", NAMES.get(name, name)).replace("accuracies", "scores")
        found.append(ScoreLink(name=name, link=link, no_link=why))
    return tuple(found)


def score_links(found: Sequence[ScoreLink]) -> dict[str, Any]:
    """Links as plain values, by the name of the score: {"link": laws.Link or None, "no_link": why or None}."""
    return {each.name: {"link": each.link and each.link.to_dict(), "no_link": each.no_link or None} for each in found}


def _names(scores: Sequence[Score]) -> list[str]:
    """Those that are there, in the order in which people name them."""
    there = {each.name for each in scores}
    return [name for name in NAMES if name in there]


def scored(subject: Subject, width: int) -> Lines:
    """A table of each score by N and D, and the links; nothing of a lab without a task."""
    lines: Lines = []
    for name in _names(subject.scores):
        own = [each for each in subject.scores if each.name == name]
        title = f"{NAMES.get(name, name)} of {max(each.n for each in own)} held-out prompts, %"
        lines += _table(subject, title, {each.run: 100 * each.value for each in own}, "{:.1f}".format)
    for each in subject.links:
        lines += wrapped(f"  {each.sentence()}.", width, hang=4)
    return lines


def columns_of(subject: Subject) -> list[tuple[str, dict[str, str]]]:
    """What runs reach besides the loss of the fit, as columns of a table of runs: a title, and run → cell."""
    scores = [
        (f"{NAMES[name]}, %", {each.run: f"{100 * each.value:.1f}" for each in subject.scores if each.name == name})
        for name in _names(subject.scores)
    ]
    parts = [
        (f"loss on {clean(part, 40)}", {each.run: f"{each.loss:.4f}" for each in subject.parts if each.part == part})
        for part in dict.fromkeys(each.part for each in subject.parts)
    ]
    return scores + parts


def by_part(subject: Subject) -> Lines:
    """A table of the loss on each part of a mixture by N and D; nothing of one corpus."""
    lines: Lines = []
    for part in dict.fromkeys(each.part for each in subject.parts):
        losses = {each.run: each.loss for each in subject.parts if each.part == part}
        title = f"Held-out loss of {clean(part, 80)} alone, nats a {subject.target_words}"
        lines += _table(subject, title, losses, "{:.4f}".format)
    return lines


def _table(subject: Subject, title: str, values: Mapping[str, float], cell: Callable[[float], str]) -> Lines:
    shown = np.array([values.get(run, np.nan) for run in subject.runs.run_id])
    grid = loss_grid(subject.runs, subject.rung_names, shown)
    if grid.filled < LEAST_FILLED or not len(grid.n_tokens):
        return [heading(title), *table([[clean(run, 40), cell(value)] for run, value in values.items()], left={0})]
    body = [
        [rung, format_count(size), *("" if math.isnan(value) else cell(value) for value in row)]
        for rung, size, row in zip(grid.rungs, grid.n_params, grid.loss.tolist(), strict=True)
    ]
    return [heading(f"{title}, by N and D"), *table([["rung", "N", *map(format_count, grid.n_tokens)], *body])]
