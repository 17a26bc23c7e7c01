"""One corpus of those that become a token set: what is needed of it, what was read and encoded, whether it is enough.

Knows neither how it is read nor how it is mixed.
"""

from __future__ import annotations

from dataclasses import dataclass

from scalelab.corpora.feeds import Feed
from scalelab.corpora.origin import Origin, origin_of, pin
from scalelab.corpora.shards.files import Shards


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Tokens that a lab will read; 0: all there are."""

    train: int = 0
    held_out: int = 0


@dataclass(slots=True, kw_only=True)
class Part:
    """One corpus of the mixture, on its way."""

    feed: Feed
    share: float
    shards: Shards
    need: Need
    """Its share of the whole's."""

    @property
    def origin(self) -> Origin | None:
        """The state that an earlier start began to read."""
        return origin_of(self.shards.folder)

    def pin(self, origin: Origin) -> None:
        """All later starts read the same state, wherever the main branch goes."""
        pin(self.shards.folder, origin)

    def enough(self) -> int | None:
        """How many of its shards serve; None while too few are read and encoded."""
        train = held_out = 0
        asked = self.need.train or self.need.held_out
        for number in range(len(self.shards)):
            count = self.shards.count(number)
            if count is None:
                return None
            train, held_out = train + count.train, held_out + count.held_out
            if asked and train >= self.need.train and held_out >= self.need.held_out:
                return number + 1
        return len(self.shards) if self.shards.is_whole else None

    def likely(self) -> bool:
        """Whether what is read will be enough once it is encoded, as far as the shards before tell."""
        if self.shards.is_whole:
            return True
        if not (self.need.train or self.need.held_out):
            return False
        tokens = n_bytes = 0
        told = [0, 0]
        for number in range(len(self.shards)):
            text, count = self.shards.text(number), self.shards.count(number)
            if count is not None:
                tokens, n_bytes = tokens + count.train, n_bytes + text.train_bytes
            told = [told[0] + text.train_bytes, told[1] + text.held_out_bytes]
        # Before anything is encoded, a token a byte: no tokenizer makes more, and the first shards soon tell.
        rate = tokens / n_bytes if n_bytes else 1.0
        return told[0] * rate >= self.need.train and told[1] * rate >= self.need.held_out
