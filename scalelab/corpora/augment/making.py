"""The token set of an augmented group: the training side of another one, read back as text, changed, encoded again.

The held-out side and the tokenizer are those of the text itself, so that losses compare. Reading back is exact: the
tokenizers of this room lose no byte. Works on whatever made the tokens: files, the hub, a mixture.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scalelab.corpora import cache as store
from scalelab.corpora.augment import lists, recipes
from scalelab.corpora.packing import pack
from scalelab.corpora.tokenizers import Tokenizer, load_tokenizer
from scalelab.corpora.tokenizers.base import library_of
from scalelab.corpora.tokenizers.fast import fast_encoder
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.recipe import Recipe
from scalelab.records import TokenSet

VERSION = 1
"""Part of every key: raised when a recipe changes what it makes."""
_READ = 1 << 20
"""Tokens read at a time."""
Progress = Callable[[str, float], None]


def augmented(
    base: TokenSet,
    wanted: Sequence[Recipe],
    cache: Path,
    *,
    copies: int = 1,
    unique_tokens: int | None = None,
    label: str = "",
    progress: Progress | None = None,
) -> TokenSet:
    """A token set trained on versions of another one's text.

    Parameters
    ----------
    base : the text as tokens; its held-out side and tokenizer are taken as they are.
    wanted : recipes in order; none makes a shorter text of `unique_tokens`, or the text itself.
    copies : versions of each passage, each changed by chances of its own. Where there are recipes, the first version is
        the passage as it was, unless it is the only one.
    unique_tokens : how much of the training side is used, whole passages from its beginning; None: all.

    Raises
    ------
    BadInput
        The text is shorter than asked for, a recipe's file cannot serve, or a recipe changes nothing in the text.
    """
    if unique_tokens is not None and unique_tokens > base.train_tokens:
        raise BadInput(
            f"{unique_tokens} unique tokens of {base.corpus!r}", allowed=f"up to {base.train_tokens}, which it has"
        )
    asked = [(each.written, _file_hash(each)) for each in wanted]
    key = store.digest("augmented", str(VERSION), base.key, repr(asked), repr(copies), repr(unique_tokens))
    found = store.find(cache, key)
    if found is None:
        with store.workshop(cache) as folder:
            found = _make(base, wanted, key, cache, folder, copies, unique_tokens, progress or (lambda *_: None))
    return replace(found, corpus=f"{base.corpus} {label}".strip())


def _make(
    base: TokenSet, wanted: Sequence[Recipe], key: str, cache: Path, folder: Path, copies: int,
    unique_tokens: int | None, progress: Progress,
) -> TokenSet:  # fmt: skip
    source = Path(base.directory)
    tokenizer, library = load_tokenizer(source), library_of(source / "tokenizer.json")
    watched = [_Watched(recipe=each, change=_change(each)) for each in wanted]
    change = recipes.composed(watched) if wanted else None
    whole = min(unique_tokens or base.train_tokens, base.train_tokens) * copies
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        bytes_a_token = base.train_bytes / max(base.train_tokens, 1)
        progress("augmenting", min(done / max(whole * bytes_a_token, 1.0), 1.0))

    texts = _versions(base, tokenizer, change, copies, unique_tokens)
    part = pack(folder / "train.bin", texts, fast_encoder(library), base.vocab_size, tokenizer.end_of_text, advance)
    for each in watched:
        each.refuse_idle(base.corpus)
    for name in ("held_out.bin", "tokenizer.json"):
        _copied(source / name, folder / name)
    made = replace(
        base, key=key, directory="", train_tokens=part.n_tokens, train_bytes=part.n_bytes, parts=(),
    )  # fmt: skip
    details = {"of": base.key, "recipes": [each.written for each in wanted], "copies": copies}
    return store.publish(cache, folder, made, details)


@dataclass(slots=True, kw_only=True)
class _Watched:
    """A recipe that knows whether it did anything: a group of plain text would be told as a recipe's worth."""

    recipe: Recipe
    change: recipes.Change
    did: bool = False

    def __call__(self, text: str, draw: random.Random) -> str:
        made = self.change(text, draw)
        self.did = self.did or made != text
        return made

    def refuse_idle(self, corpus: str) -> None:
        """Raise BadInput where no passage was changed."""
        if not self.did:
            todo = "its file must hold what stands in the text" if self.recipe.file else "give another share"
            raise BadInput(f"recipe {clean(self.recipe.written, 80)} changes nothing in {corpus!r}", todo=todo)


def _versions(
    base: TokenSet, tokenizer: Tokenizer, change: recipes.Change | None, copies: int, unique_tokens: int | None
) -> Iterator[bytes]:
    """Every version of every passage, version after version: which windows a run sees is drawn by the run."""
    plain_first = change is None or copies > 1
    for version in range(copies):
        for number, text in enumerate(passages(base, tokenizer, unique_tokens)):
            if change is None or (plain_first and version == 0):
                yield text.encode()
                continue
            draw = random.Random(f"{base.key} {version} {number}")
            # A recipe may leave nothing of a short passage; then it stays as it is.
            yield (change(text, draw).strip() or text).encode()


def passages(tokens: TokenSet, tokenizer: Tokenizer, most: int | None = None) -> Iterator[str]:
    """The passages of the training side in order, whole, until `most` tokens are reached."""
    flat = np.memmap(Path(tokens.directory) / "train.bin", dtype=np.dtype(tokens.dtype).newbyteorder("<"), mode="r")
    left = np.empty(0, flat.dtype)
    given = 0
    for start in range(0, len(flat), _READ):
        block = np.concatenate([left, flat[start : start + _READ]])
        ends = np.flatnonzero(block == tokenizer.end_of_text)
        begin = 0
        for end in ends.tolist():
            if most is not None and given >= most:
                return
            given += end + 1 - begin
            yield tokenizer.decode(block[begin:end].tolist())
            begin = end + 1
        left = block[begin:]


def _change(recipe: Recipe) -> recipes.Change:
    match recipe.name:
        case "case-noise":
            return recipes.case_noise(recipe.share)
        case "space-noise":
            return recipes.space_noise(recipe.share)
        case "char-noise":
            return recipes.char_noise(recipe.share)
        case "word-dropout":
            return recipes.word_dropout(recipe.share)
        case "sentence-shuffle":
            return recipes.sentence_shuffle(recipe.share)
        case "synonyms":
            return recipes.synonyms(recipe.share, lists.synonym_groups(recipe.file))
        case _:
            return recipes.paraphrase(recipe.share, lists.paraphrases(recipe.file))


def _file_hash(recipe: Recipe) -> str:
    """What a recipe's file holds: another text of it makes another token set."""
    if not recipe.file:
        return ""
    lists.check(recipe.file)
    return hashlib.sha256(Path(recipe.file).expanduser().read_bytes()).hexdigest()


def _copied(source: Path, target: Path) -> None:
    """A hard link where the file system has them: what is published is never written again."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
