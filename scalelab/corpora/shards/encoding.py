"""The process that encodes text shards: `python -m scalelab.corpora.shards.encoding`, a line of JSON a shard.

It ends when its standard input does, so that nobody encodes for a killed process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np

from scalelab.corpora.shards.files import read_text, write_whole
from scalelab.corpora.tokenizers.base import Encode


def main() -> None:
    """Answer one line for every line: the shard's number, or why it could not be encoded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started this, who closes the input
    first = json.loads(sys.stdin.readline())
    encode, end, dtype = opened(first["kind"], Path(first["tokenizer"]))
    for line in sys.stdin:
        job = json.loads(line)
        try:
            encode_shard(Path(job["text"]), Path(job["tokens"]), job["n_train"], encode, end, dtype)
            answer = {"number": job["number"]}
        except (OSError, ValueError) as error:
            answer = {"number": job["number"], "problem": getattr(error, "strerror", None) or str(error)}
        print(json.dumps(answer), flush=True)


def opened(kind: str, path: Path) -> tuple[Encode, int, Any]:
    """The fastest encoder of a tokenizer.json, its end-of-text token, and the dtype of its tokens."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # a process a core: threads would stand in each other's way
    from scalelab.corpora.packing import dtype_of
    from scalelab.corpora.tokenizers import end_of_text, kind_of, size_of
    from scalelab.corpora.tokenizers.base import library_of

    library = library_of(path)
    dtype = np.dtype(dtype_of(size_of(library))).newbyteorder("<")
    end = end_of_text(library)
    if end is None:
        raise ValueError(f"{path} has no end of text")
    return kind_of(kind).encoder(library), end, dtype


def encode_shard(text: Path, tokens: Path, n_train: int, encode: Encode, end: int, dtype: Any) -> None:
    """Encode one shard; its tokens appear whole."""
    lengths, joined = read_text(text)
    view = memoryview(joined)
    start, counts, parts = 0, [], []
    for length in lengths:
        part = encode(bytes(view[start : start + length]))
        parts.append(part.astype(dtype))
        counts.append(len(part) + 1)
        start += length
    flat = np.empty(sum(counts), dtype)
    place = 0
    for part in parts:
        flat[place : place + len(part)] = part
        flat[place + len(part)] = end
        place += len(part) + 1
    sizes, n_bytes = np.array(counts, np.uint32), np.array(lengths, np.uint32)
    cut, n = int(sizes[:n_train].sum()), n_train
    sides = ((sizes[:n], n_bytes[:n], flat[:cut]), (sizes[n:], n_bytes[n:], flat[cut:]))
    arrays = [np.array([cut, len(flat) - cut]), *sides[0], *sides[1]]

    def save(file: IO[bytes]) -> None:
        for array in arrays:
            np.save(file, array)

    write_whole(tokens, save)
    text.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
