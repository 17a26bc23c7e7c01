"""Documents → passages of about 4 kB, each once, ordered by SHA-256, split into training and held-out side.

The order is the hash's, so every source lands on both sides, the split does not depend on how files are named or
sorted, and equal passages meet and are kept once: none can stand on both sides. Passages wait on disk and
only 36 bytes of each in memory, so a corpus may be larger than the memory. Knows no tokens.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from scalelab.errors import BadInput
from scalelab.units import format_bytes

PASSAGE_BYTES = 4096
MIN_TEXT_BYTES = 65_536
"""16 passages: below that a held-out share of 5 % is no passage, and a law is no law."""
_EARLIEST = PASSAGE_BYTES // 4  # a cut before this would leave crumbs


def cut(document: Iterable[str]) -> Iterator[bytes]:
    """The passages of one document; where it is cut depends on its text alone, not on the blocks it comes in."""
    buffer = bytearray()
    for text in document:
        buffer += text.encode()
        start = 0
        while len(buffer) - start > PASSAGE_BYTES:
            end = _cut_place(buffer, start)
            yield from _trimmed(buffer[start:end])
            start = end
        del buffer[:start]
    yield from _trimmed(buffer)


def _cut_place(buffer: bytearray, start: int) -> int:
    """After the last paragraph, else line, else before the last blank, else between two characters."""
    earliest, latest = start + _EARLIEST, start + PASSAGE_BYTES
    for mark, length in ((b"\n\n", 2), (b"\n", 1), (b" ", 0)):
        place = buffer.rfind(mark, earliest, latest)
        if place >= 0:
            return place + length
    while buffer[latest] & 0xC0 == 0x80:
        latest -= 1
    return latest


def _trimmed(text: bytearray) -> Iterator[bytes]:
    # Line ends at a cut say nothing: the end-of-text token stands there. Blanks stay: they indent code.
    passage = bytes(text).strip(b"\n")
    if passage.strip():
        yield passage


class Spool:
    """Takes the passages in the order of reading and gives them back in the order of their hashes."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (lives as long as the passages)
        self._digests = bytearray()
        self._lengths = array("I")
        self.n_bytes = 0

    def add(self, passage: bytes) -> None:
        """One passage more."""
        self._file.write(passage)
        self._digests += hashlib.sha256(passage).digest()
        self._lengths.append(len(passage))
        self.n_bytes += len(passage)

    def ordered(self) -> Passages:
        """All of them, each once; raises BadInput where there are too few."""
        self._file.flush()
        return Passages(self._file, bytes(self._digests), np.array(self._lengths, np.int64))


class Passages:
    """Different passages in the order of their hashes."""

    def __init__(self, file: IO[bytes], digests: bytes, lengths: NDArray[np.int64]) -> None:
        keys = np.frombuffer(digests, dtype=">u8").reshape(-1, 4)
        order = np.lexsort(keys.T[::-1])
        keys = keys[order]
        is_first = np.ones(len(order), bool)
        is_first[1:] = (keys[1:] != keys[:-1]).any(axis=1)
        self._order = order[is_first]
        self._starts = np.cumsum(lengths) - lengths
        self.lengths = lengths[self._order]
        self.n_duplicates = len(order) - len(self._order)
        self.text_hash = hashlib.sha256(keys[is_first].tobytes()).hexdigest()
        """Of the passages' digests in order: of the text, whatever the files are called."""
        self._refuse_too_little()
        self._file = file

    def __len__(self) -> int:
        return len(self._order)

    def read(self, places: range) -> Iterator[bytes]:
        """The passages at these places of the order."""
        for place in places:
            start = int(self._starts[self._order[place]])
            # Not through a memory map, whose pages would count as this process's memory.
            yield os.pread(self._file.fileno(), int(self.lengths[place]), start)

    def split(self, held_out: float) -> tuple[range, range]:
        """The places of the training and of the held-out side: the last `held_out` of the bytes, a passage at least."""
        from_end = np.cumsum(self.lengths[::-1])
        n_held_out = int(np.searchsorted(from_end, held_out * float(from_end[-1]))) + 1
        first = len(self) - min(n_held_out, len(self) - 1)
        return range(first), range(first, len(self))

    def _refuse_too_little(self) -> None:
        size = int(self.lengths.sum())
        if size < MIN_TEXT_BYTES or len(self) < 2:
            raise BadInput(
                f"the corpus holds {format_bytes(size)} of text"
                + (f" without its {self.n_duplicates} repeated passages" if self.n_duplicates else ""),
                allowed=f"at least {MIN_TEXT_BYTES} bytes",
                todo="add text",
            )
