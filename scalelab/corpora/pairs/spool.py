"""Pairs in the order of reading → two sides, each in the order of hashes, each pair once, no prompt on both.

A prompt's hash says on which side it is, whatever else is read before or after it: a set that grows holds out what it
held out before, and the same question with other blanks or letters' case is the same question. Pairs wait on disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from scalelab.corpora.pairs.fields import Pair
from scalelab.corpora.shards.seen import Seen

_WHOLE = 2.0**64


class PairSpool:
    """Takes pairs, gives both sides back."""

    def __init__(self, folder: Path, held_out: float) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (lives as long as the pairs)
        self._keys = bytearray()
        self._lengths = array("I")
        self._seen = Seen()
        self._held_out = held_out
        self.n_bytes = 0
        """Of prompts and targets."""
        self.empty = 0
        """Rows without a prompt or without a target, which are passed over."""

    def __len__(self) -> int:
        return len(self._lengths)

    def add(self, pair: Pair) -> None:
        """One pair more."""
        if not pair.is_whole:
            self.empty += 1
            return
        line = json.dumps([pair.prompt, *pair.targets], ensure_ascii=False).encode()
        key = _key(line.decode())
        if not self._seen.add(int.from_bytes(key)):
            return
        self._file.write(line)
        self._keys += _key(" ".join(pair.prompt.split()).casefold()) + key
        self._lengths.append(len(line))
        self.n_bytes += len(pair.prompt.encode()) + len(pair.targets[0].encode())

    def sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The places of the training and of the held-out pairs, by the hash of their prompts, each pair once."""
        self._file.flush()
        self._starts = np.cumsum(np.array(self._lengths, np.int64)) - np.array(self._lengths, np.int64)
        keys = np.frombuffer(bytes(self._keys), dtype=">u8").reshape(-1, 2)
        order = np.lexsort((keys[:, 1], keys[:, 0]))
        kept = keys[order, 0].astype(np.float64) >= (1.0 - self._held_out) * _WHOLE
        return order[~kept], order[kept]

    def read(self, places: NDArray[np.int64]) -> Iterator[Pair]:
        """The pairs at these places."""
        for place in places.tolist():
            line = os.pread(self._file.fileno(), self._lengths[place], int(self._starts[place]))
            prompt, *targets = json.loads(line)
            yield Pair(prompt=prompt, targets=tuple(targets))

    def text_hash(self) -> str:
        """Of all pairs, whatever their order."""
        keys = sorted(self._keys[start : start + 16] for start in range(0, len(self._keys), 16))
        return hashlib.sha256(b"".join(bytes(key) for key in keys)).hexdigest()


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]
