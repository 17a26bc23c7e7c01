"""What a report is about: runs, what the laws say of them, and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scalelab.laws import Assessment, Exponents, RunTable
    from scalelab.laws.replay import Origin
    from scalelab.laws.use.iso_flop import IsoFlop
    from scalelab.records import PartEvaluation, Score
    from scalelab.report.scores import ScoreLink
    from scalelab.store.rows import PredictionRow


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """One table of runs, assessed."""

    name: str
    """What a person calls it: the lab's or the file's name."""
    path: str
    runs: RunTable
    assessment: Assessment
    rung_names: Mapping[str, str] = field(default_factory=dict)
    """Run → rung, where the runs come from a lab."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Run → where it was trained, for runs that a lab holds and has not trained itself: "evaluated", "imported"."""
    foretold: tuple[PredictionRow, ...] = ()
    """The last prediction of each run that was made before it ended, where the runs come from a lab."""
    facts: tuple[str, ...] = ()
    """What else stands in the headline: device, corpus, time."""
    iso_flop: IsoFlop | None = None
    """Minima of the runs' own isoFLOP curves; None where they stand in no levels of compute."""
    exponents: tuple[Exponents, ...] = ()
    """a and b of N* ∝ C^a, D* ∝ C^b by the laws; empty where nobody asked or no law has a best split."""
    scores: tuple[Score, ...] = ()
    """What the finished runs reach in the lab's task; empty without one."""
    links: tuple[ScoreLink, ...] = ()
    """How each score follows from the loss."""
    parts: tuple[PartEvaluation, ...] = ()
    """What they reach on each part of the lab's mixture; empty where its text is none."""
    target_words: str = "token"
    """What the loss is nats of: "target token" in a task."""
    origin: Origin | None = None
    """How the runs were read, for the line that repeats the fit."""
