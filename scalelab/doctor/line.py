"""One line of a doctor's report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from scalelab.gate import clean


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """Works, and something is worse than it could be."""
    FAIL = "fail"
    """Something that the lab needs does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was looked at, how it is, and what to do."""

    check: str
    """One or two words: "memory", "cuda:0"."""
    verdict: Verdict
    said: str
    """What was found, with its numbers."""
    todo: str = ""
    """What to do about it; empty where there is nothing to do."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def ok(check: str, said: str) -> Line:
    """All is well."""
    return Line(check=check, verdict=Verdict.OK, said=clean(said))


def warn(check: str, said: str, todo: str) -> Line:
    """It works, and could be better."""
    return Line(check=check, verdict=Verdict.WARN, said=clean(said), todo=todo)


def fail(check: str, said: str, todo: str) -> Line:
    """It does not work."""
    return Line(check=check, verdict=Verdict.FAIL, said=clean(said), todo=todo)
