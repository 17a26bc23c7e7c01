"""Byte-level BPE, trained on the training side only: GPT-2's pre-tokenizer and merges of this corpus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from scalelab.corpora.tokenizers.base import END_OF_TEXT, Encode
from scalelab.corpora.tokenizers.fast import fast_encoder
from scalelab.preset import CorpusSpec

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

# Passages come in the order of their hashes, so the first ones are a random sample; 8 kB a token count the pairs of a
# vocabulary of 512 to 1 %, and counting 12 MB instead of 4 would cost two seconds of a sweep that lasts a minute.
_SAMPLE_PER_TOKEN = 8192
_SAMPLE_AT_LEAST = 1 << 22


class Bpe:
    """Merges learnt from a sample of the training side; the vocabulary is smaller than asked for where the text is."""

    def recipe(self, corpus: CorpusSpec) -> str:
        """The vocabulary and the sample that the merges come from."""
        return f"bpe {corpus.vocab_size} from {self.sample_bytes(corpus)}"

    def sample_bytes(self, corpus: CorpusSpec) -> int:
        """8 kB a token, 4 MB at least."""
        return max(_SAMPLE_AT_LEAST, _SAMPLE_PER_TOKEN * corpus.vocab_size)

    def make(self, corpus: CorpusSpec, sample: Iterable[str]) -> Library:
        """Train it; the same sample gives the same merges."""
        from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
        from tokenizers import Tokenizer as Library

        library = Library(models.BPE())
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        library.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=corpus.vocab_size - 1,
            min_frequency=2,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        library.train_from_iterator(sample, trainer)
        library.add_special_tokens([AddedToken(END_OF_TEXT, special=True, normalized=False)])
        return library

    def encoder(self, library: Library) -> Encode:
        """By tiktoken where that gives the same tokens."""
        return fast_encoder(library)
