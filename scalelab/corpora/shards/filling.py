"""Passages as a source gives them → the next text shard: hashed, taken once, put on a side by their hash alone.

The side of a passage does not depend on what else there is, so a corpus may grow and none changes sides, and equal
passages of a mixture's parts stand on one side. Knows no tokens.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from scalelab.corpora.shards.files import Shards, TextShard
from scalelab.corpora.shards.seen import Seen

SHARD_BYTES = 1 << 23
"""Text of a shard: half a second of encoding, and the most that a kill costs."""


class Filling:
    """The shard that is being read."""

    def __init__(self, shards: Shards, seen: Seen, held_out: float) -> None:
        self._shards, self._seen = shards, seen
        self._border = int((1 - held_out) * 2.0**64)
        self._train: list[tuple[int, bytes]] = []
        self._held_out: list[tuple[int, bytes]] = []
        self._duplicates = 0
        self.n_bytes = 0
        for hashes in shards.seen():
            seen.add_all(hashes)

    def take(self, passage: bytes) -> None:
        """One passage more."""
        value = int.from_bytes(hashlib.sha256(passage).digest()[:8], "big")
        self.n_bytes += len(passage)
        if not self._seen.add(value):
            self._duplicates += 1
        else:
            (self._held_out if value >= self._border else self._train).append((value, passage))

    def close(self, position: Any) -> int:
        """Write the shard; its number."""
        sides = [sorted(side) for side in (self._train, self._held_out)]
        passages = [[passage for _, passage in side] for side in sides]
        shard = TextShard(
            n_train=len(sides[0]),
            n_held_out=len(sides[1]),
            train_bytes=sum(map(len, passages[0])),
            held_out_bytes=sum(map(len, passages[1])),
            duplicates=self._duplicates,
            position=position,
        )
        number = self._shards.add(passages, np.array([value for side in sides for value, _ in side], np.uint64), shard)
        self._train, self._held_out, self._duplicates, self.n_bytes = [], [], 0, 0
        return number
