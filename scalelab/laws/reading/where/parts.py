"""What a parsed `--where` expression is made of, and what it asks of the rows. Knows no grammar and no table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]


class Rows(Protocol):
    """A block of rows, as the evaluation sees it."""

    def __len__(self) -> int:
        """How many rows."""

    def numbers(self, column: int | str) -> Numbers:
        """A column as numbers, NaN where a cell holds none."""

    def texts(self, column: int | str) -> list[str]:
        """A column as texts."""


class Kind(Enum):
    """What a part of an expression is."""

    NUMBER = "a number"
    COLUMN = "a column"
    TEXT = "a text"
    TRUTH = "a condition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A parsed part: its value over a block of rows."""

    kind: Kind
    at: int
    """Where it begins."""
    value: Callable[[Rows], Any]
    """Numbers, or truths for a condition."""
    text: str = ""
    """What a text says."""
    column: int | str | None = None
    """Which column it is, where it is nothing else (a quoted text may be one too)."""
