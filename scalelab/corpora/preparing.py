"""From a corpus spec to tokens on disk: the one way through sources, passages, tokenizers, packing and cache."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from scalelab.corpora import cache as store
from scalelab.corpora.packing import dtype_of, pack
from scalelab.corpora.passages import Passages, Spool, cut
from scalelab.corpora.sources import Source, open_source
from scalelab.corpora.streams import Need, is_streamed, prepare_streamed
from scalelab.corpora.tokenizers import end_of_text, kind_of, size_of
from scalelab.errors import BadInput, ScalelabError
from scalelab.preset import CorpusSpec
from scalelab.records import TokenSet

Progress = Callable[[str, float], None]
"""Told the stage ("reading", "training the tokenizer", "encoding") and how much of it is done, 0 to 1."""


_SETTLED_NS = 20_000_000  # clocks of file systems tick every 4–10 ms: a later write within the tick would go unseen


def prepare(corpus: CorpusSpec, cache: Path, *, need: Need | None = None, progress: Progress | None = None) -> TokenSet:
    """The corpus as tokens on disk, made if the cache does not hold them.

    A corpus of this machine is taken whole; of the hub's, and of a mixture, as much as `need` says (None: all).

    Raises
    ------
    BadInput
        When the corpus is missing, unreadable, no text, too little, or changes while it is read.
    ScalelabError
        When the cache cannot be written.
    """
    if is_streamed(corpus):
        with told_in_words(cache):
            return prepare_streamed(corpus, cache, need or Need(), progress or (lambda stage, share: None))
    source = open_source(corpus)
    clock, before = time.time_ns(), source.fingerprint()
    seen = store.digest("seen", str(store.FORMAT), corpus.model_dump_json(), before.text)
    with told_in_words(cache):
        tokens = store.recall(cache, seen)
        if tokens is None:
            tokens = _make(corpus, source, cache, progress or (lambda stage, share: None))
            if source.fingerprint() == before and clock - before.changed_ns > _SETTLED_NS:
                store.remember(cache, seen, tokens.key)
        return replace(tokens, corpus=source.label)


def _make(corpus: CorpusSpec, source: Source, cache: Path, progress: Progress) -> TokenSet:
    """Read the text; pack it, unless this very text was packed under other names or times."""
    kind = kind_of(corpus.tokenizer)
    with store.workshop(cache) as folder:
        passages = _gather(source, folder, progress)
        recipe = store.digest(
            "recipe", str(store.FORMAT), passages.text_hash, kind.recipe(corpus), repr(corpus.held_out)
        )
        tokens = store.recall(cache, recipe)
        if tokens is None:
            tokens = _pack(corpus, passages, recipe, cache, folder, progress)
            store.remember(cache, recipe, tokens.key)
        return tokens


def _gather(source: Source, folder: Path, progress: Progress) -> Passages:
    before = source.fingerprint()
    spool = Spool(folder)
    progress("reading", 0.0)
    for document in source.documents():
        for number, passage in enumerate(cut(document)):
            spool.add(passage)
            if number % 256 == 0:
                progress("reading", min(spool.n_bytes / max(source.size_bytes, 1), 1.0))
    if source.fingerprint() != before:
        raise BadInput(f"corpus {source.label!r} changed while it was read", todo="start again when it is complete")
    return spool.ordered()


def _pack(
    corpus: CorpusSpec, passages: Passages, recipe: str, cache: Path, folder: Path, progress: Progress
) -> TokenSet:
    kind = kind_of(corpus.tokenizer)
    train, held_out = passages.split(corpus.held_out)
    progress("training the tokenizer", 0.0)
    library = kind.make(corpus, _sample(passages, train, kind.sample_bytes(corpus)))
    path = folder / "tokenizer.json"
    path.write_text(library.to_str(), encoding="utf-8")
    vocab_size, end = size_of(library), end_of_text(library)
    assert end is not None

    done, whole = 0, int(passages.lengths.sum())

    def advance(size: int) -> None:
        nonlocal done
        done += size
        progress("encoding", done / whole)

    encode = kind.encoder(library)
    parts = {
        name: pack(folder / f"{name}.bin", passages.read(side), encode, vocab_size, end, advance)
        for name, side in (("train", train), ("held_out", held_out))
    }
    tokens = TokenSet(
        # The tokenizer's own hash is in the key: another version of its library may learn other merges.
        key=store.digest("tokens", recipe, store.file_sha256(path)),
        directory="",
        corpus="",
        tokenizer=corpus.tokenizer,
        dtype=dtype_of(vocab_size),
        vocab_size=vocab_size,
        train_tokens=parts["train"].n_tokens,
        train_bytes=parts["train"].n_bytes,
        held_out_tokens=parts["held_out"].n_tokens,
        held_out_bytes=parts["held_out"].n_bytes,
    )
    counts = {"train": len(train), "held_out": len(held_out), "duplicates_left_out": passages.n_duplicates}
    return store.publish(cache, folder, tokens, {"passages": counts, "text_sha256": passages.text_hash})


def _sample(passages: Passages, train: range, n_bytes: int) -> Iterator[str]:
    """The first passages of the training side, a random sample since hashes order them."""
    for passage in passages.read(train):
        if n_bytes <= 0:
            return
        n_bytes -= len(passage)
        yield passage.decode()


@contextlib.contextmanager
def told_in_words(cache: Path) -> Iterator[None]:
    """What fails outside the reading of sources is the cache: say so in one line."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ScalelabError(
            f"the token cache {str(cache)!r} cannot be written: {reason}",
            todo="make room, or set SCALELAB_CACHE to a folder that can be written",
        ) from error
