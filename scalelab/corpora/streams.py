"""Corpora that are streamed or mixed → tokens on disk: only what the largest budget needs, in shards that survive.

    corpus.source ─feeds→ passages ─Filling→ text shards ─Pool→ token shards ─mixing→ train.bin, held_out.bin

All of it lies in one folder of the cache, streams/KEY. A start goes on from what an earlier one left there, also where
that one needed less text. A second process that wants the same waits for the first.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scalelab.corpora import cache as store
from scalelab.corpora import mixing
from scalelab.corpora.feeds import Feed, HubFeed, LocalFeed, Mark
from scalelab.corpora.hub.names import hub_spec
from scalelab.corpora.hub.reader import refuse_unreachable
from scalelab.corpora.locking import locked
from scalelab.corpora.packing import dtype_of
from scalelab.corpora.parts import Need, Part
from scalelab.corpora.passages import MIN_TEXT_BYTES
from scalelab.corpora.shards import filling
from scalelab.corpora.shards.files import Shards, read_text, write_whole
from scalelab.corpora.shards.filling import Filling
from scalelab.corpora.shards.pool import Pool
from scalelab.corpora.shards.seen import Seen
from scalelab.corpora.shards.telling import Telling
from scalelab.corpora.sources import open_source
from scalelab.corpora.tokenizers import kind_of, size_of
from scalelab.corpora.tokenizers.base import library_of
from scalelab.errors import BadInput, ScalelabError
from scalelab.mixture import shares
from scalelab.preset import CorpusSpec
from scalelab.records import TokenPart, TokenSet
from scalelab.units import format_bytes

__all__ = ["Need", "is_streamed", "prepare_streamed"]

Progress = Callable[[str, float], None]
_TOKENIZER = "tokenizer.json"


def is_streamed(corpus: CorpusSpec) -> bool:
    """Whether a corpus goes this way: one of the hub, or several."""
    parts = shares(corpus.source)
    return len(parts) > 1 or hub_spec(parts[0][0]) is not None


def prepare_streamed(corpus: CorpusSpec, cache: Path, need: Need, progress: Progress) -> TokenSet:
    """The corpus as tokens on disk, as many as needed.

    Raises
    ------
    BadInput
        A corpus is not there, or not as it was asked for.
    ScalelabError
        The hub does not answer, or the cache cannot be written; what was made is kept.
    """
    feeds = [(_feed(corpus, name), share) for name, share in shares(corpus.source)]
    told = [[feed.identity(), repr(share)] for feed, share in feeds]
    recipe = kind_of(corpus.tokenizer).recipe(corpus)
    cutting = f"{store.FORMAT} {filling.SHARD_BYTES} {corpus.held_out!r}"
    key = store.digest("streams", cutting, json.dumps(told), recipe)
    folder = cache / "streams" / key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    label = " + ".join(feed.label for feed, _ in feeds)
    with locked(folder / "lock", lambda: progress(f"{label}: another process prepares it", 0.0)):
        parts = [
            Part(
                feed=feed, share=share, shards=Shards(folder / str(number)),
                need=Need(train=round(need.train * share), held_out=round(need.held_out * share)),
            )
            for number, (feed, share) in enumerate(feeds)
        ]  # fmt: skip
        for part in parts:
            if isinstance(part.feed, HubFeed):
                part.feed.opened = part.pin
        return Making(corpus, cache, folder, parts, need, label, progress).tokens()


def _feed(corpus: CorpusSpec, source: str) -> Feed:
    spec = hub_spec(source)
    if spec is None:
        return LocalFeed(open_source(corpus.model_copy(update={"source": source})))
    if spec.is_local and not spec.folder.is_dir():
        raise BadInput(f"{str(spec.folder)!r} is no folder", allowed="hf:OWNER/NAME of the hub, or hf:./FOLDER")
    return HubFeed(spec, corpus.text_column)


class Making:
    """One making of a token set."""

    def __init__(
        self, corpus: CorpusSpec, cache: Path, folder: Path, parts: Sequence[Part], need: Need, label: str,
        progress: Progress,
    ) -> None:  # fmt: skip
        self.corpus, self.cache, self.folder, self.parts, self.need = corpus, cache, folder, parts, need
        self.kind = kind_of(corpus.tokenizer)
        self.label = label
        self.telling = Telling(label, progress, need.train)
        self._asked = False

    def tokens(self) -> TokenSet:
        """The token set, made as far as it is not there."""
        if not (self.folder / _TOKENIZER).exists():
            self._begin_anew()
            self._make_tokenizer()
        pool = Pool(self.corpus.tokenizer, self.folder / _TOKENIZER)
        try:
            for part in self.parts:
                self._encode(part, pool)
        finally:
            pool.close()
        return self._mixed()

    def _begin_anew(self) -> None:
        """Tokens of a tokenizer that is gone are of no use, and their text is gone too."""
        for part in self.parts:
            if any(part.shards.count(number) for number in range(len(part.shards))):
                shutil.rmtree(part.shards.folder)
                part.shards = Shards(part.shards.folder)

    def _make_tokenizer(self) -> None:
        wanted = self.kind.sample_bytes(self.corpus)
        if wanted:
            for part in self.parts:
                self._read(part, lambda part=part: self._sampled(part) >= part.share * wanted)  # type: ignore[misc]
            self.telling.stage("training the tokenizer")
        library = self.kind.make(self.corpus, self._sample(wanted))
        text = library.to_str().encode()
        write_whole(self.folder / _TOKENIZER, lambda file: file.write(text))

    @staticmethod
    def _sampled(part: Part) -> int:
        return sum(part.shards.text(number).train_bytes for number in range(len(part.shards)))

    def _sample(self, wanted: int) -> Iterator[str]:
        """The first passages of the training side of every part, each as much as its share."""
        for part in self.parts:
            left = part.share * wanted
            for number in range(len(part.shards)):
                if left <= 0:
                    break
                lengths, joined = read_text(part.shards.path(number, "text"))
                start = 0
                for length in lengths[: part.shards.text(number).n_train]:
                    if left <= 0:
                        break
                    yield joined[start : start + length].decode()
                    start, left = start + length, left - length

    def _encode(self, part: Part, pool: Pool) -> None:
        """Read and encode one part until it is enough."""
        for number in part.shards.unencoded():
            pool.submit(part.shards, number)

        def enough() -> bool:
            if part.likely():
                pool.drain()
                self.telling.encoded(self.parts)
            return part.enough() is not None

        self._read(part, enough, pool)
        pool.drain()
        if part.enough() is None:
            raise ScalelabError(f"{part.feed.label} could not be encoded", todo="repeat the command")

    def _read(self, part: Part, done: Callable[[], bool], pool: Pool | None = None) -> None:
        """Read shards of a part until it is done or over, and hand them to the pool."""
        if done() or part.shards.is_whole:
            return
        self._refuse_unreachable(part)
        shards, fill = part.shards, Filling(part.shards, Seen(), self.corpus.held_out)
        size = filling.SHARD_BYTES

        def add(position: Any) -> None:
            number = fill.close(position)
            if pool is not None:
                pool.submit(shards, number)
                while pool.load > 2 * pool.size:
                    pool.collect(0.5)
                    self.telling.encoded(self.parts)

        for count, event in enumerate(part.feed.events(part.origin, shards.position, size)):
            if isinstance(event, bytes):
                fill.take(event)
            elif isinstance(event, Mark):
                add(event.position)
                if done():
                    return
            if event is None or count % 256 == 0:
                if pool is not None:
                    pool.collect()
                self.telling.reading(self.parts, fill.n_bytes)
        if fill.n_bytes:
            add(None)
        shards.end()

    def _refuse_unreachable(self, part: Part) -> None:
        if part.feed.is_remote and not self._asked:
            refuse_unreachable(cached_in_words(self.cache))
            self._asked = True

    def _mixed(self) -> TokenSet:
        portions = [
            mixing.Portion(shards=part.shards, n_shards=part.enough() or 0, weight=part.share) for part in self.parts
        ]
        for part, portion in zip(self.parts, portions, strict=True):
            _refuse_too_little(part, portion)
        total = mixing.train_tokens(portions, self.need.train or None)
        held_out = mixing.held_out_tokens(portions)
        asked = [repr(mixing.BLOCK_TOKENS), *(str(each.n_shards) for each in portions), str(total)]
        note = store.digest("mixed", self.folder.name, *asked)
        found = store.recall(self.cache, note)
        if found is None:
            with store.workshop(self.cache) as folder:
                found = self._written(folder, portions, total, held_out)
            store.remember(self.cache, note, found.key)
        return self._named(found)

    def _named(self, found: TokenSet) -> TokenSet:
        """The token set under the names that were asked for: equal text may have been made under others."""
        parts = tuple(
            replace(kept, corpus=part.feed.label, revision=part.origin.revision if part.origin else "")
            for kept, part in zip(found.parts, self.parts, strict=True)
        )
        return replace(found, corpus=self.label, parts=parts)

    def _written(self, folder: Path, portions: list[mixing.Portion], total: int, held_out: int) -> TokenSet:
        self.telling.stage("writing the tokens")
        shutil.copyfile(self.folder / _TOKENIZER, folder / _TOKENIZER)
        train = mixing.write(folder / "train.bin", portions, mixing.TRAIN, total)
        mixed = mixing.write(folder / "held_out.bin", portions, mixing.HELD_OUT, held_out)
        own = [mixed]
        if len(portions) > 1:
            own = [
                mixing.write(folder / f"held_out-{number}.bin", [portion], mixing.HELD_OUT, portion.unique(1))
                for number, portion in enumerate(portions)
            ]
        vocab_size = size_of(library_of(folder / _TOKENIZER))
        parts = tuple(
            TokenPart(
                corpus=part.feed.label,
                revision=part.origin.revision if part.origin else "",
                share=part.share,
                train_tokens=train.n_tokens[number],
                unique_tokens=portion.unique(mixing.TRAIN),
                held_out_tokens=sum(own[number if len(own) > 1 else 0].n_tokens),
                held_out_bytes=sum(own[number if len(own) > 1 else 0].n_bytes),
            )
            for number, (part, portion) in enumerate(zip(self.parts, portions, strict=True))
        )
        names = sorted(path.name for path in folder.iterdir())
        hashes = [f"{name} {store.file_sha256(folder / name)}" for name in names]
        tokens = TokenSet(
            # Of what was made, not of how: one text by one tokenizer is one key whatever it is called.
            key=store.digest("streamed", str(store.FORMAT), *hashes),
            directory="",
            corpus=self.label,
            tokenizer=self.corpus.tokenizer,
            dtype=dtype_of(vocab_size),
            vocab_size=vocab_size,
            train_tokens=sum(train.n_tokens),
            train_bytes=sum(train.n_bytes),
            held_out_tokens=sum(mixed.n_tokens),
            held_out_bytes=sum(mixed.n_bytes),
            parts=parts,
            asked_train=self.need.train,
            asked_held_out=self.need.held_out,
        )
        return store.publish(self.cache, folder, tokens, {"streams": self.folder.name})


def _refuse_too_little(part: Part, portion: mixing.Portion) -> None:
    texts = [part.shards.text(number) for number in range(portion.n_shards)]
    size = sum(text.train_bytes + text.held_out_bytes for text in texts)
    if size < MIN_TEXT_BYTES or not portion.unique(mixing.TRAIN) or not portion.unique(mixing.HELD_OUT):
        raise BadInput(
            f"corpus {part.feed.label!r} holds {format_bytes(size)} of different text",
            allowed=f"at least {MIN_TEXT_BYTES} bytes on two sides",
            todo="add text, or raise corpus.held_out",
        )


def cached_in_words(cache: Path, here: str = "sotu, python and files:PATH", *, pairs: bool = False) -> str:
    """What there is without a network, as text or as `pairs`; `here` is what needs no cache."""
    names: set[str] = set()
    for manifest in cache.glob("*/manifest.json"):
        try:
            tokens = json.loads(manifest.read_bytes())["tokens"]
            corpus = tokens["corpus"] if bool(tokens.get("pairs")) == pairs else ""
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(corpus, str) and corpus:
            names.add(corpus)
    ready = f"ready in the cache: {', '.join(sorted(names)[:8])}; " if names else ""
    return f"{ready}without a network there are {here}"
