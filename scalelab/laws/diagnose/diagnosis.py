"""The record of what is odd about a fit's runs. Goes to JSON and back and speaks without scipy; examine.py fills it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

from scalelab.laws.diagnose.counts import Counts, CountScore
from scalelab.laws.diagnose.noise import NoiseFloor
from scalelab.laws.diagnose.outliers import Outlier
from scalelab.laws.diagnose.pulls import Pull
from scalelab.laws.diagnose.repetition import Repetition
from scalelab.laws.diagnose.transients import Kind, Transient
from scalelab.laws.diagnose.trends import Group, Trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is odd about the runs under one law. Told, never acted on: no run leaves a fit because of it."""

    law: str
    n_runs: int
    n_examined: int
    """Runs that the tests looked at: fewer than all in tables above 20,000."""
    outliers: tuple[Outlier, ...]
    """Runs that lie further out than chance puts any, the furthest first."""
    pulls: tuple[Pull, ...]
    """The five runs that the prediction at ten times the compute hangs on, the strongest first, and that of the most
    leverage where it is another."""
    noise: NoiseFloor | None
    """None where no point was run twice."""
    transients: tuple[Transient, ...]
    repetition: Repetition | None
    """None where no data were repeated or nobody says how many tokens are unique."""
    trends: tuple[Trend, ...]
    counts: Counts | None
    """None where the runs carry one count of N."""
    leverage: tuple[float, ...]
    """Hat value of each run, in the order of the runs; empty for tables above 5,000."""
    studentised: tuple[float, ...]
    """Externally studentised residual of each run, likewise."""

    def sentences(self) -> tuple[str, ...]:
        """What a person should know, at most six plain sentences, the most important first."""
        from scalelab.laws.diagnose.wording import sentences

        return sentences(self)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return asdict(self)

    def to_json(self) -> str:
        """As one line of strict JSON."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        parts = dict(values)
        parts["outliers"] = tuple(Outlier(**item) for item in values["outliers"])
        parts["pulls"] = tuple(Pull(**item) for item in values["pulls"])
        parts["noise"] = _maybe(values["noise"], lambda item: NoiseFloor(**item))
        parts["transients"] = tuple(
            Transient(**{**item, "kind": Kind(item["kind"]), "runs": tuple(item["runs"])})
            for item in values["transients"]
        )
        parts["repetition"] = _maybe(values["repetition"], lambda item: Repetition(**item))
        parts["trends"] = tuple(Trend(**{**item, "group": Group(item["group"])}) for item in values["trends"])
        parts["counts"] = _maybe(values["counts"], _counts)
        parts["leverage"], parts["studentised"] = tuple(values["leverage"]), tuple(values["studentised"])
        return cls(**parts)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From its JSON."""
        return cls.from_dict(json.loads(text))


def _maybe(item: Any, make: Callable[[Any], Any]) -> Any:
    return None if item is None else make(item)


def _counts(item: dict[str, Any]) -> Counts:
    return Counts(law=item["law"], used=item["used"], scores=tuple(CountScore(**score) for score in item["scores"]))
