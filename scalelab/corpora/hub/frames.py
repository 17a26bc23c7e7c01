"""What the streaming process says to the one that started it: kind, length, bytes; no pickle. Knows no libraries."""

from __future__ import annotations

import struct
from collections.abc import Iterator

OPENED, PIECE, DOCUMENT, POSITION, BREATH, END, PROBLEM = b"O", b"T", b"D", b"P", b"B", b"F", b"X"
"""JSON of what was opened; a piece of a document; its last piece; JSON to go on from; a sign of life; no more; JSON of
a refusal."""
PIECE_BYTES = 1 << 20
_HEAD = struct.Struct("<cI")


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """One message."""
    return _HEAD.pack(kind, len(payload)) + payload


def pieces(text: bytes) -> Iterator[bytes]:
    """A document in messages."""
    last = max(0, (len(text) - 1) // PIECE_BYTES * PIECE_BYTES)
    for start in range(0, last, PIECE_BYTES):
        yield frame(PIECE, text[start : start + PIECE_BYTES])
    yield frame(DOCUMENT, text[last:])


class Parser:
    """Bytes as they come → whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, block: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The messages that are whole now."""
        self._buffer += block
        start = 0
        while len(self._buffer) - start >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._buffer, start)
            end = start + _HEAD.size + length
            if len(self._buffer) < end:
                break
            yield kind, bytes(self._buffer[start + _HEAD.size : end])
            start = end
        del self._buffer[:start]
