"""The record of a forecast: numbers, what they rest on, and whether to believe them. Plain values, JSON both ways."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

GOOD, ROUGH = 0.01, 0.06
"""Half-widths of the interval, as shares of the loss, up to which a forecast is good and rough."""
TOO_LITTLE = 0.1
"""Share of the run below which no forecast is more than too early."""


WANDERS = 0.75
"""Correlation of neighbours' residuals from which on the curve does not follow the law: a plateau, a spike, a jump."""
WARM_UPS = 10.0
"""Lengths of the warm-up below which the descent is still that of the start; small models fall in steps there."""


class Outlook(StrEnum):
    """Where the effect of the annealing is known from."""

    OWN = "own"
    """From the run's own curve."""
    OTHERS = "others"
    """From finished runs."""
    ASSUMED = "assumed"
    """From what cooldowns usually give: a wide interval."""
    NONE = "none"
    """There is none: the rate never falls."""


class Believed(StrEnum):
    """How far a forecast can be believed."""

    TOO_EARLY = "too early"
    ROUGH = "rough"
    GOOD = "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveForecast:
    """The loss that a run will end with."""

    until: float
    """Where the run ends, in steps or tokens as given."""
    seen: float
    """Share of the run that was seen, 0 to 1."""
    level: float
    n_losses: int
    """Losses in use, after the start was left out and neighbours were joined."""
    verdict: Believed
    reason: str
    """The verdict in words."""
    loss: float | None = None
    """Median forecast, nats a token; None where nothing can be said."""
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    """Standard deviation of the forecast, nats."""
    held_out: bool = False
    """Whether it is the held-out loss; else the training loss."""
    gain: float | None = None
    """Nats that the whole annealing takes off the end."""
    annealing: Outlook | None = None
    alpha: float | None = None
    """Exponent of the area under the rate."""
    memory: float | None = None
    """−1/ln λ of the best cell, in the unit of `until`."""
    shared: float | None = None
    """Correlation of one training loss with the next."""
    effective: float | None = None
    """Independent losses that the training losses are worth."""

    @classmethod
    def silent(cls, reason: str, **told: Any) -> Self:
        """A forecast without numbers."""
        return cls(verdict=Believed.TOO_EARLY, reason=reason, **told)

    @classmethod
    def of(cls, *, loss: float, low: float, high: float, seen: float, warm: float, **told: Any) -> Self:
        """A forecast with its verdict; `warm` is the share of the run that its warm-up takes."""
        half = (high - low) / 2 / abs(loss) if loss else float("inf")
        verdict = Believed.GOOD if half <= GOOD else Believed.ROUGH if half <= ROUGH else Believed.TOO_EARLY
        reason = f"± {100 * half:.1f} % with {100 * seen:.0f} % seen"
        if told.get("annealing") is Outlook.ASSUMED:
            reason += ", the effect of the annealing assumed"
        if doubt := _doubt(seen, warm, told.get("shared") or 0.0):
            verdict, reason = Believed.TOO_EARLY, f"{reason}; {doubt}"
        return cls(loss=loss, low=low, high=high, seen=seen, verdict=verdict, reason=reason, **told)

    @property
    def believed(self) -> bool:
        """Whether there is a number that is worth showing."""
        return self.loss is not None and self.verdict is not Believed.TOO_EARLY

    @property
    def half(self) -> float | None:
        """Half the width of the interval, nats."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def to_json(self) -> str:
        """As one line of strict JSON."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """From plain values."""
        annealing = values.get("annealing")
        return cls(
            **{
                **values,
                "verdict": Believed(values["verdict"]),
                "annealing": None if annealing is None else Outlook(annealing),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From its JSON."""
        return cls.from_dict(json.loads(text))


def _doubt(seen: float, warm: float, shared: float) -> str:
    """Why a forecast is not to be believed however narrow its interval."""
    if seen < TOO_LITTLE:
        return f"less than {100 * TOO_LITTLE:.0f} % of the run is seen"
    if seen < WARM_UPS * warm:
        return f"less than {WARM_UPS:g} times the warm-up is seen"
    if shared > WANDERS:
        return "the curve does not follow the law so far"
    return ""
