"""What a tokenizer is to this room: made from the training side, packed with, loaded again for sampling.

Every tokenizer ends as a tokenizer.json that the `tokenizers` library (and so Hugging Face) reads; what differs
is how it is made and which code encodes fastest. A new one is one file with a class like `Kind` and one
line in the registry beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from scalelab.preset import CorpusSpec

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

END_OF_TEXT = "<|endoftext|>"
SEPARATOR = "<|separator|>"
"""Between a prompt and its target, where a corpus is of pairs."""
_ENDS = (END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>", "[SEP]")
"""What the known families call the end of a text; the first one that a tokenizer has is it."""

Encode = Callable[[bytes], NDArray[np.uint32]]
"""From the UTF-8 of one passage to its tokens, without the end-of-text token."""


class Kind(Protocol):
    """One way of making tokens."""

    def recipe(self, corpus: CorpusSpec) -> str:
        """All that the tokens depend on besides the text."""

    def sample_bytes(self, corpus: CorpusSpec) -> int:
        """Bytes of the training side that it learns from; 0: it learns nothing."""

    def make(self, corpus: CorpusSpec, sample: Iterable[str]) -> Library:
        """The tokenizer; it has an end-of-text token."""

    def encoder(self, library: Library) -> Encode:
        """The fastest code that gives the tokens of `library`."""


def byte_alphabet() -> dict[str, int]:
    """The printable character that stands for each byte in a byte-level vocabulary (as in GPT-2), and that byte."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in set(shown)]
    return {chr(byte): byte for byte in shown} | {chr(256 + i): byte for i, byte in enumerate(hidden)}


def end_of_text(library: Library) -> int | None:
    """The token between passages; None where a tokenizer has none of the known names."""
    found = (library.token_to_id(name) for name in _ENDS)
    return next((token for token in found if token is not None), None)


def size_of(library: Library) -> int:
    """Ids that a model must know: one more than the largest, for there may be holes."""
    return int(max(library.get_vocab(with_added_tokens=True).values())) + 1


def library_of(path: Path) -> Library:
    """The tokenizer in a tokenizer.json; raises whatever the library does, the bare Exception among it."""
    from tokenizers import Tokenizer as Library

    return Library.from_str(path.read_text(encoding="utf-8"))
