"""Where pairs come from: files, the hub, a generator; each an iterator of pairs with a name and an identity."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from scalelab.corpora import cache as store
from scalelab.corpora.feeds import look
from scalelab.corpora.hub import frames
from scalelab.corpora.hub.names import PAIRS, hub_spec
from scalelab.corpora.hub.reader import refuse_unreachable, stream
from scalelab.corpora.locking import locked
from scalelab.corpora.origin import Origin, origin_of, pin
from scalelab.corpora.pairs.fields import Pair, pair_of, top_columns
from scalelab.corpora.pairs.made import MADE_SETS
from scalelab.corpora.pairs.tables import rows_of
from scalelab.corpora.pairs.taken import Taken
from scalelab.corpora.reading.stream import stat_regular
from scalelab.corpora.shards import filling
from scalelab.corpora.sources.files import open_files
from scalelab.corpora.streams import cached_in_words
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.pairing import PairName, pair_name
from scalelab.preset import CorpusSpec

MADE_SEED = 0


class PairSource(Protocol):
    """Pairs, opened but not read yet."""

    @property
    def label(self) -> str:
        """What reports call it."""

    @property
    def endless(self) -> bool | None:
        """Whether it has no end; None where all of it is taken however little is needed."""

    def identity(self) -> str:
        """Changes whenever what would be read may have changed."""

    def pairs(self) -> Iterator[Pair | None]:
        """The pairs in an order that is always the same, and None while nothing comes."""


def open_pairs(corpus: CorpusSpec, task: str, cache: Path, waiting: Callable[[], None]) -> PairSource:
    """The source that the spec names; raises BadInput where there is none.

    What is taken of the hub is kept in `cache`; `waiting` is called while another process takes the same.
    """
    name = pair_name(corpus.source, task)
    if name.kind == "made":
        return MadePairs(name.place)
    if name.kind == "hub":
        return HubPairs(name, corpus.source, cache, waiting)
    return FilePairs(name, corpus)


class MadePairs:
    """A set that a seeded generator makes, without an end."""

    endless = True

    def __init__(self, name: str) -> None:
        self.label = name

    def identity(self) -> str:
        """Name and version of the generator."""
        return f"{self.label} {MADE_SETS[self.label].VERSION} {MADE_SEED}"

    def pairs(self) -> Iterator[Pair]:
        """As many as anybody takes."""
        for prompt, target in MADE_SETS[self.label].pairs(MADE_SEED):
            yield Pair(prompt=prompt, targets=(target,))


class FilePairs:
    """Tables of this machine."""

    endless = None

    def __init__(self, name: PairName, corpus: CorpusSpec) -> None:
        self._name, self.label = name, clean(corpus.source, 200)
        files = open_files(corpus.model_copy(update={"source": f"files:{name.place}"}), names=[])
        self._files, self._paths = files, files.paths

    def identity(self) -> str:
        """Columns, and names, sizes and times of the files."""
        return json.dumps([self._name.prompt, self._name.target, self._files.fingerprint().text])

    def pairs(self) -> Iterator[Pair]:
        """Row by row, file by file."""
        columns = [*self._name.prompt, self._name.target]
        before = self._files.fingerprint()
        for path in self._paths:
            if stat_regular(path).st_size:
                for where, row in rows_of(Path(path), columns):
                    yield pair_of(row, self._name.prompt, self._name.target, where)
        if self._files.fingerprint() != before:
            raise BadInput(f"corpus {self.label!r} changed while it was read", todo="start again when it is complete")


class HubPairs:
    """A dataset of the hub, or a folder laid out like one, by the same streaming process as text.

    What was read is kept in the cache's streams/KEY: a start that broke off, and one that needs more, reads on there.
    """

    endless = False

    def __init__(self, name: PairName, source: str, cache: Path, waiting: Callable[[], None]) -> None:
        spec = hub_spec(name.place)
        assert spec is not None
        if spec.is_local and not spec.folder.is_dir():
            raise BadInput(f"{str(spec.folder)!r} is no folder", allowed="hf:OWNER/NAME of the hub, or hf:./FOLDER")
        self._spec, self._name, self._cache = replace(spec, name=source, unit=PAIRS), name, cache
        self._waiting = waiting
        self.label = clean(source, 200)

    def identity(self) -> str:
        """The spec and the columns; of a folder also its files as they look from outside."""
        told = [self._spec.repo, self._spec.config, self._spec.revision, self._name.prompt, self._name.target]
        return json.dumps([*told, look(self._spec)])

    def pairs(self) -> Iterator[Pair | None]:
        """Those that an earlier start took, then those of the rows that the streaming process sends."""
        key = store.digest("pair streams", str(store.FORMAT), str(filling.SHARD_BYTES), self.identity())
        folder = self._cache / "streams" / key
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(folder / "lock", self._waiting):
            taken, number = Taken(folder), 0
            for pair in taken.pairs():
                number += 1
                yield pair
            if not taken.is_whole:
                yield from self._streamed(folder, taken, number)

    def _streamed(self, folder: Path, taken: Taken, number: int) -> Iterator[Pair | None]:
        """The pairs after those that were taken, `number` of them, each kept once the place after it is known."""
        if not self._spec.is_local:
            here = f"{', '.join(MADE_SETS)} and pairs:FILE"
            refuse_unreachable(cached_in_words(self._cache, here, pairs=True))
        columns, origin = ",".join(top_columns(self._name.prompt, self._name.target)), origin_of(folder)
        reader = stream(
            self._spec, columns, pinned=origin.revision if origin else None, repo=origin.repo if origin else None,
            position=taken.position, shard_bytes=filling.SHARD_BYTES,
        )  # fmt: skip
        parts: list[bytes] = []
        fresh: list[Pair] = []
        try:
            for message in reader.messages():
                if message is None:
                    yield None
                    continue
                kind, payload = message
                if kind == frames.OPENED:
                    pin(folder, Origin(**json.loads(payload)))
                if kind == frames.POSITION:
                    taken.add(fresh, json.loads(payload))
                    fresh = []
                if kind in (frames.PIECE, frames.DOCUMENT):
                    parts.append(payload)
                if kind == frames.DOCUMENT:
                    number += 1
                    row = json.loads(b"".join(parts))
                    fresh.append(pair_of(row, self._name.prompt, self._name.target, f"{self.label!r} row {number}"))
                    yield fresh[-1]
                    parts = []
        finally:
            reader.close()
        taken.add(fresh, None)
