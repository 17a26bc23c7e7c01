"""How the laws of SOURCE are fitted: the options that `fit` and `report` share, and the subject that comes of them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scalelab.cli.options import Function
from scalelab.errors import BadInput
from scalelab.gate import clean

if TYPE_CHECKING:
    from scalelab.laws import Assessment, RunTable
    from scalelab.laws.card import Card
    from scalelab.laws.replay import Origin
    from scalelab.report.source import Subject


def fit_options(function: Function) -> Function:
    """Which laws, what is minimised, what is held fixed, how sure the intervals are."""
    for option in reversed((
        click.option("--law", "law", multiple=True, metavar="NAME", help="Only this law; may be repeated."),
        click.option("--objective", metavar="NAME", help="huber, hoffmann or least-squares, for every law."),
        click.option("--fix", "fix", multiple=True, metavar="NAME=VALUE",
                     help="Hold a number of the law: E=1.69; may be repeated."),
        click.option("--interval", "interval", metavar="HOW", default="t", show_default=True,
                     help="t, profile, bootstrap or cluster: how the shown law's intervals are made."),
        click.option("--level", type=float, default=0.95, show_default=True, metavar="SHARE",
                     help="How often an interval is to hold the truth."),
    )):  # fmt: skip
        function = option(function)
    return function


def fitted(
    source: str, reading: dict[str, Any], *, law: tuple[str, ...], objective: str | None, fix: tuple[str, ...],
    interval: str, level: float,
) -> Subject:  # fmt: skip
    """The runs of a source, fitted as the options say; `reading` goes to `open_subject` as it is."""
    from scalelab.laws.intervals.method import METHODS

    if interval not in METHODS:
        raise BadInput(f"--interval {clean(interval, 60)!r}", allowed=", ".join(METHODS))
    if not 0.5 <= level <= 0.999:
        raise BadInput(f"--level {level:g}", allowed="a share from 0.5 to 0.999, such as 0.95")
    from scalelab.cli.sources import open_subject

    held = _held(fix)
    more: dict[str, Any] = ({"fix": held} if held else {}) | ({"level": level} if level != 0.95 else {})
    subject = open_subject(source, **reading, law=law, objective=objective, **more)
    seen = subject.assessment
    if interval != "t" and seen.best is not None:
        seen = _with_intervals(seen, subject.runs, interval, level)
    return looked_at(replace(subject, assessment=seen), source, reading)


def looked_at(subject: Subject, source: str, reading: dict[str, Any] | None = None) -> Subject:
    """The subject with how its runs are read again, and how its best N and D grow with compute by laws and levels."""
    from scalelab.report.growth import exponents_of, iso_flop_of

    subject = replace(subject, origin=_origin(subject, source, reading or {}))
    if subject.assessment.best is None:
        return subject
    found = iso_flop_of(subject.runs)
    return replace(subject, iso_flop=found, exponents=exponents_of(subject.assessment, found))


def card_of(subject: Subject) -> Card | None:
    """The card of the best law; None where there is none yet."""
    from scalelab.laws.card import UNANSWERED, card

    if subject.assessment.best is None:
        return None
    # A lab's own preset and plan answer what a table leaves open.
    return card(subject.assessment, subject.runs, subject.origin, answered=UNANSWERED if subject.rung_names else ())


def _with_intervals(seen: Assessment, runs: RunTable, method: str, level: float) -> Assessment:
    """The best law with its intervals made anew; the others keep theirs, which are quick and good enough to look at."""
    from scalelab import laws

    anew = laws.intervals_of(seen.fit(), runs, method, level=level)
    return replace(seen, fits=tuple(anew if fit.law == anew.law else fit for fit in seen.fits))


def _held(given: tuple[str, ...]) -> dict[str, float]:
    held = {}
    for each in given:
        name, equals, value = each.partition("=")
        try:
            held[name.strip()] = number = float(value)
        except ValueError:
            number = math.nan
        if not (equals and name.strip() and math.isfinite(number)):
            raise BadInput(f"--fix {clean(each, 80)!r}", allowed="NAME=VALUE such as E=1.69")
    return held


def _origin(subject: Subject, source: str, reading: dict[str, Any]) -> Origin:
    """How the same runs are read again, in a shell and in Python."""
    from scalelab.cli.sources import reading_code, reading_words
    from scalelab.laws.replay import Origin

    words, given = (source, *reading_words(**reading)), reading_code(**reading)
    if Path(subject.path, "lab.db").exists():
        imports = "from scalelab.cli.sources import open_subject"
        return Origin(words=words, reading=f"open_subject({source!r}{given}).runs", imports=imports)
    return Origin(words=words, reading=f"laws.read_runs({source!r}{given})")
