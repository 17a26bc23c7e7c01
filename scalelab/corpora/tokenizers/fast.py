"""The tokens of a byte-level BPE by tiktoken, 7–8 times faster than by `tokenizers`, wherever they are the same.

Two things could differ, and both are decided before a token is trusted:

1. Merges. `tokenizers` joins the pair x, y only if that pair is a merge; tiktoken joins it if the joined bytes are any
   token. Let the two part for the first time at x, y, whose bytes are the token z of another pair. Inside
   x + y both have merged alike so far, with no merge across the border, so `tokenizers` on the bytes of z alone stops
   at x, y too. Hence: if ids rise in the order of the merges and every token encodes to itself, the two never part.
2. Words. Each library brings its own tables of Unicode for letters, digits and blanks. Every block of 256 characters
   that the corpus touches is probed once; a passage with a character that they class differently goes the slow way.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scalelab.corpora.tokenizers.base import Encode, byte_alphabet

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

# GPT-2's words, as tokenizers' ByteLevel cuts them.
WORDS = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# A character joins the word of a letter, a digit, a sign or a blank before it if it is of their class.
_LEADS = ("a", "1", "!", " ")


def fast_encoder(library: Library) -> Encode:
    """Encode by tiktoken where its tokens are provably those of `library`, else by `library`."""
    slow = _slow_encoder(library)
    if not merges_agree(library):
        return slow
    core = _tiktoken(byte_ranks(library))
    odd = OddCharacters(library)

    def encode(passage: bytes) -> NDArray[np.uint32]:
        if not passage.isascii() and odd.within(passage.decode()):
            return slow(passage)
        tokens: NDArray[np.uint32] = core.encode_to_numpy(passage.decode(), disallowed_special=())
        return tokens

    return encode


def byte_ranks(library: Library) -> dict[bytes, int]:
    """The bytes of every token that merges make and its id; end of text and its like are left out."""
    alphabet = byte_alphabet()
    return {bytes(alphabet[char] for char in token): rank for token, rank in _merged(_model(library)).items()}


def merges_agree(library: Library) -> bool:
    """Whether tiktoken cuts and merges as the library does (point 1 above).

    Words by GPT-2's rule and nothing done to the text before; ids in the order of the merges; tokens whole.
    """
    told = json.loads(library.to_str())
    words = told["pre_tokenizer"] or {}
    is_gpt2 = words.get("type") == "ByteLevel" and not words.get("add_prefix_space") and words.get("use_regex", True)
    model = told["model"]
    if not is_gpt2 or told["normalizer"] is not None or model.get("type") != "BPE" or model.get("ignore_merges"):
        return False
    if any(model.get(name) for name in ("continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "dropout")):
        return False
    if any(not token["special"] for token in told["added_tokens"]):
        return False  # those are cut out of the text before anything else
    try:
        vocabulary = _merged(model)
        made = [vocabulary[first + second] for first, second in model["merges"]]
    except (KeyError, ValueError):
        return False
    if made != list(range(256, len(vocabulary))) or not byte_alphabet().keys() <= vocabulary.keys():
        return False
    return all([part.id for part in library.model.tokenize(token)] == [rank] for token, rank in vocabulary.items())


def _model(library: Library) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(library.to_str())["model"]
    return model


def _merged(model: dict[str, Any]) -> dict[str, int]:
    """The vocabulary without what no merge makes: GPT-2's own lists its end of text among the tokens."""
    made = {first + second for first, second in model["merges"]} | byte_alphabet().keys()
    return {token: rank for token, rank in model["vocab"].items() if token in made}


class OddCharacters:
    """Characters that the two libraries take for different classes; none are known in their versions of 2026."""

    def __init__(self, library: Library) -> None:
        self._words = library.pre_tokenizer
        self._probed: set[int] = {0}  # block 0 up to ASCII is the same everywhere; its rest is probed with it
        self._odd: set[str] = self._probe(0)

    def within(self, text: str) -> bool:
        """Whether the text holds one."""
        characters = set(text)
        for block in {ord(char) >> 8 for char in characters} - self._probed:
            self._odd |= self._probe(block)
            self._probed.add(block)
        return bool(self._odd) and not self._odd.isdisjoint(characters)

    def _probe(self, block: int) -> set[str]:
        characters = [chr(code) for code in range(block << 8, (block + 1) << 8) if not 0xD800 <= code <= 0xDFFF]
        probe = _tiktoken(_probe_ranks(characters))
        return {char for char in characters if any(self._parts(probe, lead + char) for lead in _LEADS)}

    def _parts(self, probe: Any, pair: str) -> bool:
        is_word = len(self._words.pre_tokenize_str(pair)) == 1
        return is_word != (len(probe.encode_ordinary(pair)) == 1)


def _probe_ranks(characters: list[str]) -> dict[bytes, int]:
    """A vocabulary in which a lead and a character are one token exactly if they are one word."""
    pairs = ((lead + char).encode() for lead in _LEADS for char in characters)
    heads = (pair[:end] for pair in pairs for end in range(2, len(pair) + 1))
    tokens = dict.fromkeys([*(bytes([byte]) for byte in range(256)), *heads])
    return {token: rank for rank, token in enumerate(tokens)}


def _tiktoken(ranks: dict[bytes, int]) -> Any:
    import tiktoken

    return tiktoken.Encoding("scalelab", pat_str=WORDS, mergeable_ranks=ranks, special_tokens={})


def _slow_encoder(library: Library) -> Encode:
    library.encode_special_tokens = True

    def encode(passage: bytes) -> NDArray[np.uint32]:
        # Of the library's ways the one that keeps no offsets: a fifth more bytes a CPU-second.
        [found] = library.encode_batch_fast([passage.decode()], add_special_tokens=False)
        return np.array(found.ids, np.uint32)

    return encode
