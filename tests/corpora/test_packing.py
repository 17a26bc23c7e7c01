from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scalelab.corpora.packing import dtype_of, pack


@pytest.mark.parametrize(("vocab_size", "dtype"), [(257, "uint16"), (65_536, "uint16"), (65_537, "uint32")])
def test_tokens_take_the_smallest_dtype_that_holds_the_last_of_them(
    tmp_path: Path, vocab_size: int, dtype: str
) -> None:
    assert dtype_of(vocab_size) == dtype
    told: list[int] = []
    part = pack(
        tmp_path / "a.bin",
        [b"ab", b"c"] * 300,
        lambda passage: np.frombuffer(passage, np.uint8).astype(np.uint32),
        vocab_size,
        vocab_size - 1,
        told.append,
    )
    flat = np.fromfile(tmp_path / "a.bin", dtype=np.dtype(dtype).newbyteorder("<"))
    assert flat.tolist() == [97, 98, vocab_size - 1, 99, vocab_size - 1] * 300
    assert (part.n_tokens, part.n_bytes, sum(told)) == (1500, 900, 900)
