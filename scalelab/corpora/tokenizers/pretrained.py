"""A tokenizer that exists already: GPT-2's, any other of the hub by its id, or a local tokenizer.json.

Its text is part of the key of what it made, so another revision of it is another corpus. A hub id is asked for once, by
the process that may know the hub's library.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from scalelab.corpora.tokenizers.base import END_OF_TEXT, Encode, end_of_text
from scalelab.corpora.tokenizers.fast import fast_encoder
from scalelab.errors import BadInput
from scalelab.preset import CorpusSpec

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library

_NAMES = {"gpt2": "openai-community/gpt2"}
_FILE = "tokenizer.json"
_MOST_BYTES = 200_000_000
_ALLOWED = "bpe, bytes, gpt2, a hub id OWNER/NAME, or a folder with a tokenizer.json"


class Pretrained:
    """One by its name, id or path."""

    def __init__(self, name: str) -> None:
        self._name = name

    def recipe(self, corpus: CorpusSpec) -> str:
        """The name, and of a local file what it holds."""
        path = self._path()
        return f"{self._name}" if path is None else f"local {hashlib.sha256(_read(path)).hexdigest()}"

    def sample_bytes(self, corpus: CorpusSpec) -> int:
        """It learns nothing any more."""
        return 0

    def make(self, corpus: CorpusSpec, sample: Iterable[str]) -> Library:
        """Read or fetch it; one without an end of text gets one."""
        from tokenizers import AddedToken
        from tokenizers import Tokenizer as Library

        path = self._path()
        if path is None:
            from scalelab.corpora.hub.reader import fetch_tokenizer

            text = fetch_tokenizer(_NAMES.get(self._name, self._name))
        else:
            text = _decoded(path)
        try:
            library = Library.from_str(text)
        except Exception as error:  # the library raises the bare Exception
            raise BadInput(f"tokenizer {self._name!r} is no {_FILE} that can be read", allowed=_ALLOWED) from error
        library.no_padding()
        library.no_truncation()
        if end_of_text(library) is None:
            library.add_special_tokens([AddedToken(END_OF_TEXT, special=True, normalized=False)])
        return library

    def encoder(self, library: Library) -> Encode:
        """By tiktoken where that gives the same tokens, which it does for GPT-2's."""
        return fast_encoder(library)

    def _path(self) -> Path | None:
        """The file of a local one; None for an id of the hub."""
        path = Path(os.path.expanduser(self._name))
        found = path / _FILE if path.is_dir() else path
        if found.is_file():
            return found
        if path.is_dir() or self._name.startswith(("/", ".", "~")) or self._name.endswith(".json"):
            raise BadInput(f"tokenizer {self._name!r}: there is no {_FILE}", allowed=_ALLOWED)
        if self._name not in _NAMES and self._name.count("/") != 1:
            raise BadInput(f"tokenizer {self._name!r} is not known", allowed=_ALLOWED)
        return None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadInput(f"tokenizer {str(path)!r} has {path.stat().st_size} bytes", allowed=f"up to {_MOST_BYTES}")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"tokenizer {str(path)!r} cannot be read: {(error.strerror or '').lower()}") from error


def _decoded(path: Path) -> str:
    try:
        text = _read(path).decode("utf-8")
        json.loads(text)
    except ValueError as error:
        raise BadInput(f"tokenizer {str(path)!r} is no JSON", allowed=_ALLOWED) from error
    return text
