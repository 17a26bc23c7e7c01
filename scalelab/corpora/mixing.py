"""Encoded shards of one corpus or several → train.bin and held_out.bin, in the shares that were asked for, by tokens.

Always the part that lags its share most comes next, some tokens of whole passages at a time, so that the order
follows from shards and shares alone. Which windows of it a run sees is seeded by the run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scalelab.corpora.shards.files import Array, Shards

TRAIN, HELD_OUT = 0, 1
BLOCK_TOKENS = (8192, 1)
"""Of each side at least as many come from one part at a time: of the held-out side passage by passage, since runs are
measured on its beginning, which must hold the shares however short it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """One corpus's part: the first shards of it, and its share of the tokens."""

    shards: Shards
    n_shards: int
    weight: float
    """All weights add up to 1."""

    def unique(self, side: int) -> int:
        """Tokens of one side in its shards."""
        counts = [self.shards.count(number) for number in range(self.n_shards)]
        return sum((count.train, count.held_out)[side] for count in counts if count is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """What was written."""

    n_tokens: tuple[int, ...]
    """Of each portion."""
    n_bytes: tuple[int, ...]


def train_tokens(portions: Sequence[Portion], asked: int | None) -> int:
    """Tokens of the training side: as asked, but the whole mixture never repeats only to get there.

    The portion that lasts longest is passed once at most; smaller ones are repeated beside it.
    """
    longest = max(int(portion.unique(TRAIN) / portion.weight) for portion in portions)
    return longest if asked is None or len(portions) == 1 else min(asked, longest)


def held_out_tokens(portions: Sequence[Portion]) -> int:
    """Tokens of the held-out side, in which nothing repeats: as many as the scarcest portion allows."""
    return min(int(portion.unique(HELD_OUT) / portion.weight) for portion in portions)


def write(path: Path, portions: Sequence[Portion], side: int, total: int) -> Mixed:
    """Write about `total` tokens of one side, and sync them."""
    block_tokens = BLOCK_TOKENS[side]
    sources = [_blocks(portion, side, repeat=side == TRAIN and len(portions) > 1) for portion in portions]
    n_tokens, n_bytes = [0] * len(portions), [0] * len(portions)
    with path.open("xb") as file:
        while (so_far := sum(n_tokens)) < total:
            lags = [
                portion.weight * (so_far + block_tokens) - done
                for portion, done in zip(portions, n_tokens, strict=True)
            ]
            chosen = lags.index(max(lags))
            block = next(sources[chosen], None)
            if block is None:
                break
            file.write(block[0].tobytes())
            n_tokens[chosen] += len(block[0])
            n_bytes[chosen] += block[1]
        file.flush()
        os.fsync(file.fileno())
    return Mixed(n_tokens=tuple(n_tokens), n_bytes=tuple(n_bytes))


def _blocks(portion: Portion, side: int, *, repeat: bool) -> Iterator[tuple[Array, int]]:
    """Whole passages of a block's tokens and their bytes, shard after shard; for ever where it repeats."""
    while True:
        for number in range(portion.n_shards):
            found = portion.shards.tokens(number)[side]
            ends = np.cumsum(found.n_tokens, dtype=np.int64)
            n_bytes = np.concatenate([[0], np.cumsum(found.n_bytes, dtype=np.int64)])
            first = start = 0
            while first < len(ends):
                last = min(int(np.searchsorted(ends, start + BLOCK_TOKENS[side])), len(ends) - 1)
                yield found.tokens[start : ends[last]], int(n_bytes[last + 1] - n_bytes[first])
                first, start = last + 1, int(ends[last])
        if not repeat or portion.unique(side) == 0:
            return
