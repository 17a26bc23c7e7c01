"""One token a byte: ids 0–255 are the bytes, 256 is the end of text. Nothing to learn, nothing to be unfair about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from scalelab.corpora.tokenizers.base import END_OF_TEXT, Encode, byte_alphabet
from scalelab.preset import CorpusSpec

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library


class Bytes:
    """The 257 tokens of bytes and end of text."""

    def recipe(self, corpus: CorpusSpec) -> str:
        """Nothing of the spec matters."""
        return "bytes"

    def sample_bytes(self, corpus: CorpusSpec) -> int:
        """It learns nothing."""
        return 0

    def make(self, corpus: CorpusSpec, sample: Iterable[str]) -> Library:
        """A byte-level BPE without merges."""
        from tokenizers import AddedToken, decoders, models, pre_tokenizers
        from tokenizers import Tokenizer as Library

        library = Library(models.BPE(vocab=byte_alphabet(), merges=[]))
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        library.decoder = decoders.ByteLevel()
        library.add_special_tokens([AddedToken(END_OF_TEXT, special=True, normalized=False)])
        return library

    def encoder(self, library: Library) -> Encode:
        """The bytes themselves."""
        return lambda passage: np.frombuffer(passage, np.uint8).astype(np.uint32)
