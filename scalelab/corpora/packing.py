"""Passages → train.bin and held_out.bin: flat little-endian tokens, the end-of-text token after every passage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scalelab.corpora.tokenizers.base import Encode

UINT16_VOCABULARY = 65_536
_CHUNK = 256  # passages a write: a megabyte of text


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One packed side."""

    n_tokens: int
    """End-of-text tokens included."""
    n_bytes: int
    """Of the text, which end-of-text is no part of."""


def dtype_of(vocab_size: int) -> str:
    """The smallest dtype that holds the tokens."""
    return "uint16" if vocab_size <= UINT16_VOCABULARY else "uint32"


def pack(
    path: Path,
    passages: Iterable[bytes],
    encode: Encode,
    vocab_size: int,
    end_of_text: int,
    advance: Callable[[int], None],
) -> Part:
    """Write one side and sync it; `advance` is told the bytes of text of every chunk written."""
    dtype = np.dtype(dtype_of(vocab_size)).newbyteorder("<")
    end = np.array([end_of_text], np.uint32)
    n_tokens = n_bytes = 0
    with path.open("xb") as file:
        for chunk in _chunks(passages):
            tokens: list[NDArray[np.uint32]] = [part for passage in chunk for part in (encode(passage), end)]
            packed = np.concatenate(tokens).astype(dtype).tobytes()
            file.write(packed)
            n_tokens += len(packed) // dtype.itemsize
            size = sum(map(len, chunk))
            n_bytes += size
            advance(size)
        file.flush()
        os.fsync(file.fileno())
    return Part(n_tokens=n_tokens, n_bytes=n_bytes)


def _chunks(passages: Iterable[bytes]) -> Iterable[list[bytes]]:
    chunk: list[bytes] = []
    for passage in passages:
        chunk.append(passage)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
