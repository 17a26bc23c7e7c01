"""What a source of text is: the one interface between where text comes from and everything that happens to it.

A new source (a corpus of the hub, a mixture of others) is one file with a class like this and one line in the
registry beside it. It must not know tokenizers, passages or the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

Document = Iterable[str]
"""One document's text in blocks, read once and before the next document: a file of 1 GB never stands in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """How a corpus looks from outside, told without reading it."""

    text: str
    """Changes whenever the corpus may have changed."""
    changed_ns: int
    """When it last did, in nanoseconds since 1970."""


class Source(Protocol):
    """Text, opened but not read yet."""

    @property
    def label(self) -> str:
        """What reports call this corpus."""

    @property
    def size_bytes(self) -> int:
        """Bytes to read, for the progress only; compressed files count as they stand on disk."""

    def fingerprint(self) -> Fingerprint:
        """How it looks now."""

    def documents(self) -> Iterator[Document]:
        """The documents, always in the same order."""
