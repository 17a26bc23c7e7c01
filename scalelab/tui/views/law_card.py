"""How the shown law was fitted, question by question, and the lines that fit it again. Lines of text, no widget."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.text import Text

from scalelab.gate import clean
from scalelab.report import numbers
from scalelab.report.layout import Lines, heading, wrapped
from scalelab.report.replay import continued
from scalelab.report.source import Subject

if TYPE_CHECKING:
    from scalelab.laws.card import Card

LABEL = 15
"""Cells of a question."""
NARROW = 60
"""Cells below which an answer stands under its question."""
PACKED = "These runs are a recording that ships inside the package: no line fits them again."


@lru_cache(4)
def card_of(subject: Subject) -> Card:
    """The card of the shown law; a lab's own preset and plan answer what a table leaves open."""
    from scalelab.laws.card import UNANSWERED, card

    return card(subject.assessment, subject.runs, subject.origin, answered=UNANSWERED)


def why_none(subject: Subject) -> str:
    """Why there is no card: where runs have come or gone since a fit that was read, nobody knows which it is of."""
    fitted, there = subject.assessment.n_runs, len(subject.runs)
    return "" if fitted == there else f"The law is of {fitted} runs and {there} are finished: the next fit has a card."


def lines(subject: Subject, width: int) -> Lines:
    """Questions and answers, then the lines for a shell and for Python."""
    if why := why_none(subject):
        return wrapped(why, width)
    made = card_of(subject)
    said = [heading(f"The card of {made.law}: how it was fitted")]
    for question, answer in made.lines():
        said += _entry(question, numbers.greek(clean(answer, 2_000)), width)
    if not made.shell:
        return [*said, Text(), *wrapped(PACKED, width)]
    said += [Text(), heading("To fit it again in a shell; y copies it"), *_indented(continued(made.shell, width - 2))]
    python = made.python.replace("; ", "\n").splitlines()
    return [*said, Text(), heading("and in Python"), *(line for each in python for line in wrapped(
        f"  {clean(each, 2_000)}", width, hang=4))]  # fmt: skip


def copied(subject: Subject) -> str:
    """The line for a shell, then the whole card, so that pasting the first line fits it again."""
    if why := why_none(subject):
        return why
    made = card_of(subject)
    answers = [f"# {question}: {clean(answer, 2_000)}" for question, answer in made.lines()]
    return os.linesep.join([made.shell, *answers] if made.shell else answers)


def _entry(question: str, answer: str, width: int) -> Lines:
    if width < NARROW:
        return [Text(f"  {question}", "dim"), *wrapped(f"    {answer}", width, hang=4)]
    first, *rest = wrapped(answer, max(width - LABEL - 2, 20))
    head = Text.assemble((f"  {question:<{LABEL}}", "dim"), first)
    return [head, *(Text.assemble(" " * (LABEL + 2), line) for line in rest)]


def _indented(told: list[str]) -> Lines:
    return [Text(f"  {line}") for line in told]
