"""What the report's words are about, made of a snapshot: the same sentences in the app as in print. Draws nothing."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scalelab.gate import clean
from scalelab.report import prediction
from scalelab.report.growth import exponents_of, iso_flop_of
from scalelab.report.known import Known, Trained, measured_rate
from scalelab.report.prediction import Forecast
from scalelab.report.source import Subject
from scalelab.tui.labs import short
from scalelab.tui.snapshot import Snapshot

if TYPE_CHECKING:
    from scalelab.laws.replay import Origin

_OPTION, _FIELD = "--max-tokens with a budget", "`best split` with `D at most`"
FIRST_LAW = 6
"""Points that the power law needs."""


def subject_of(shot: Snapshot) -> Subject | None:
    """The finished runs and what the laws say of them; None before there is a law."""
    seen, runs = shot.assessment, shot.runs
    if seen is None or runs is None or seen.best is None:
        return None
    told = {each.run: each for each in shot.foretold if each.observed is not None}
    return Subject(
        name=f"{shot.name} · {shot.group}" if shot.group else shot.name, path=str(shot.root), runs=runs,
        assessment=seen, foretold=tuple(told.values()),
        rung_names={row.run: row.spec.rung for row in shot.rows}, origin=origin_of(shot),
        target_words=_target_words(shot),
    )  # fmt: skip


def _target_words(shot: Snapshot) -> str:
    """What losses are nats of: in a task of targets alone."""
    return "target token" if shot.tokens is not None and shot.tokens.pairs is not None else "token"


def origin_of(shot: Snapshot) -> Origin | None:
    """How these runs are read again: the lab, and the group whose law is told; None of the recording that ships, which
    is in no folder.
    """
    from scalelab.laws.replay import Origin

    if shot.recorded == "-":
        return None
    lab = short(Path(shot.recorded or shot.root))
    where = [f"group={shot.group}"] if len(shot.groups) > 1 else []
    words = (lab, *(word for each in where for word in ("--where", each)))
    given = f", where={where!r}" if where else ""
    imports = "from scalelab.cli.sources import open_subject"
    return Origin(words=words, reading=f"open_subject({lab!r}{given}).runs", imports=imports)


def grown(subject: Subject) -> Subject:
    """With how the best N and D grow with compute, by every law and by the runs' own isoFLOP levels."""
    found = iso_flop_of(subject.runs)
    return replace(subject, iso_flop=found, exponents=exponents_of(subject.assessment, found))


def known_of(shot: Snapshot) -> Known:
    """What the lab measured beside its losses, as far as it is known without a fit of its own."""
    return Known(
        bytes_per_token=None if shot.tokens is None else shot.tokens.bytes_per_token,
        target_words=_target_words(shot),
        flops_per_second=measured_rate(_trained(shot)),
    )


def _trained(shot: Snapshot) -> list[Trained]:
    """How far the runs of the text have come whose law is told."""
    curves = [(row.spec, shot.curves[row.run]) for row in shot.own_rows if row.run in shot.curves]
    return [
        Trained(spec=spec, n_tokens=float(curve.n_tokens[-1]), seconds=float(curve.seconds[-1]))
        for spec, curve in curves
    ]


def warnings_of(forecast: Forecast, subject: Subject) -> list[str]:
    """What to beware of, in the words of this screen and not of the command line."""
    return [each.replace(_OPTION, _FIELD) for each in prediction.warnings(forecast, subject)]


def here(line: str) -> str:
    """A line of an answer in the words of this screen."""
    return line.replace(_OPTION, _FIELD)


def why_no_law(shot: Snapshot) -> list[str]:
    """Why there is no law yet and what to do, one sentence each."""
    done, points = len(shot.own_finals), sum(row.spec.kind != "trunk" for row in shot.own_rows)
    said = [f"{done} of {points} points are finished."]
    if shot.assessment is not None and shot.assessment.verdicts:
        said.append(_sentence(clean(shot.assessment.verdicts[0], 300)))
    elif done < FIRST_LAW:
        said.append(f"The first law needs {FIRST_LAW}: the power law of N and D.")
    if shot.fit_problem:
        said.append(_sentence(f"The last fit failed: {clean(shot.fit_problem, 300)}"))
    elif shot.assessment is None and done >= FIRST_LAW and shot.alive:
        said.append("The laws are being fitted.")
    elif shot.assessment is None and done >= FIRST_LAW:
        said.append("The laws that are kept are of another version, or there are none.")
        if (origin := origin_of(shot)) is not None:
            said.append(f"`{clean(shlex.join(['scalelab', 'fit', *origin.words]), 200)}` fits the runs again.")
    if not shot.alive and done < points:
        said.append("Nothing trains now: R trains what is left." if done else "Nothing has been trained: R begins.")
    return said


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
