"""One corpus of those that become a token set: what is needed of it, what was read and encoded, whether it is enough.

Knows neither how it is read nor how it is mixed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from scalelab.corpora.feeds import Feed, Origin
from scalelab.corpora.shards.files import Shards, write_whole


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
    def origin_file(self) -> Path:
        """Where the state that is read is kept."""
        return self.shards.folder / "origin.json"

    @property
    def origin(self) -> Origin | None:
        """The state that an earlier start began to read."""
        try:
            return Origin(**json.loads(self.origin_file.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def pin(self, origin: Origin) -> None:
        """All later starts read the same state, wherever the main branch goes."""
        if self.origin is None:
            write_whole(self.origin_file, lambda file: file.write(json.dumps(asdict(origin)).encode()))

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
