"""Sets that a seeded generator makes, so that every task can be tried without a network: by name, a module each.

Each has VERSION, raised when its pairs change, and `pairs(seed)`, which yields (prompt, target) without an end and
always the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from scalelab.corpora.pairs.made import conlang, facts


class MadeSet(Protocol):
    """A generator of pairs."""

    VERSION: int

    def pairs(self, seed: int) -> Iterator[tuple[str, str]]:
        """The pairs, without an end."""


MADE_SETS: dict[str, MadeSet] = {"conlang": conlang, "facts": facts}
