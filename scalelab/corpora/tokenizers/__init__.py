"""Text ↔ tokens: the registry of tokenizers by name, and the one that reads a prepared folder for sampling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scalelab.corpora.tokenizers.base import SEPARATOR, Kind, end_of_text, library_of, size_of
from scalelab.corpora.tokenizers.bpe import Bpe
from scalelab.corpora.tokenizers.bytes import Bytes
from scalelab.corpora.tokenizers.pretrained import Pretrained
from scalelab.errors import BadInput, ScalelabError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

__all__ = ["KINDS", "Tokenizer", "end_of_text", "kind_of", "load_tokenizer", "size_of"]

KINDS: dict[str, Kind] = {"bpe": Bpe(), "bytes": Bytes()}
"""By the name in corpus.tokenizer; any other name is a tokenizer that exists already."""


def kind_of(name: str) -> Kind:
    """The way of making tokens that corpus.tokenizer names."""
    return KINDS.get(name) or Pretrained(name)


class Tokenizer:
    """Text ↔ tokens of one prepared corpus."""

    def __init__(self, library: Library) -> None:
        # A text that spells the end-of-text token is text.
        library.encode_special_tokens = True
        self._library = library
        self.vocab_size = size_of(library)
        end = end_of_text(library)
        assert end is not None
        self.end_of_text = end
        """The token between passages."""
        self.separator: int | None = library.token_to_id(SEPARATOR)
        """The token between a prompt and its target; None of plain text's tokenizer."""

    def encode(self, text: str) -> list[int]:
        """The tokens of a text; raises BadInput where the text is none that UTF-8 can hold."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadInput("the text holds bytes that are no UTF-8", todo="type it anew") from error
        return list(self._library.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens; broken characters become �, end-of-text nothing."""
        return str(self._library.decode(tokens, skip_special_tokens=True))


def load_tokenizer(directory: Path) -> Tokenizer:
    """The tokenizer of a prepared corpus; raises ScalelabError where its tokenizer.json is gone or damaged."""
    path = Path(directory) / "tokenizer.json"
    try:
        library = library_of(path)
    except Exception as error:  # the library raises the bare Exception
        raise ScalelabError(f"no tokenizer at {str(path)!r}", todo="prepare the corpus again") from error
    if end_of_text(library) is None:
        raise ScalelabError(f"{str(path)!r} is another tokenizer's", todo="prepare the corpus again")
    return Tokenizer(library)
