"""Where pairs come from: files, the hub, a generator; each an iterator of pairs with a name and an identity."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from scalelab.corpora.feeds import look
from scalelab.corpora.hub import frames
from scalelab.corpora.hub.names import PAIRS, hub_spec
from scalelab.corpora.hub.reader import refuse_unreachable, stream
from scalelab.corpora.pairs.fields import Pair, pair_of, top_columns
from scalelab.corpora.pairs.made import MADE_SETS
from scalelab.corpora.pairs.tables import rows_of
from scalelab.corpora.reading.stream import stat_regular
from scalelab.corpora.sources.files import open_files
from scalelab.errors import BadInput
from scalelab.gate import clean
from scalelab.pairing import PairName, pair_name
from scalelab.preset import CorpusSpec

MADE_SEED = 0
SHARD_BYTES = 1 << 30


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


def open_pairs(corpus: CorpusSpec, task: str, cached: Callable[[], str]) -> PairSource:
    """The source that the spec names; raises BadInput where there is none. `cached` says what works without the hub."""
    name = pair_name(corpus.source, task)
    if name.kind == "made":
        return MadePairs(name.place)
    if name.kind == "hub":
        return HubPairs(name, corpus.source, cached)
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
        columns = top_columns(self._name.prompt, self._name.target)
        before = self._files.fingerprint()
        for path in self._paths:
            if stat_regular(path).st_size:
                for where, row in rows_of(Path(path), columns):
                    yield pair_of(row, self._name.prompt, self._name.target, where)
        if self._files.fingerprint() != before:
            raise BadInput(f"corpus {self.label!r} changed while it was read", todo="start again when it is complete")


class HubPairs:
    """A dataset of the hub, or a folder laid out like one, by the same streaming process as text."""

    endless = False

    def __init__(self, name: PairName, source: str, cached: Callable[[], str]) -> None:
        spec = hub_spec(name.place)
        assert spec is not None
        if spec.is_local and not spec.folder.is_dir():
            raise BadInput(f"{str(spec.folder)!r} is no folder", allowed="hf:OWNER/NAME of the hub, or hf:FOLDER")
        self._spec, self._name, self._cached = replace(spec, name=source, unit=PAIRS), name, cached
        self.label = clean(source, 200)

    def identity(self) -> str:
        """The spec and the columns; of a folder also its files as they look from outside."""
        told = [self._spec.repo, self._spec.config, self._spec.revision, self._name.prompt, self._name.target]
        return json.dumps([*told, look(self._spec)])

    def pairs(self) -> Iterator[Pair | None]:
        """The pairs of the rows that the streaming process sends."""
        if not self._spec.is_local:
            refuse_unreachable(self._cached())
        columns = ",".join(top_columns(self._name.prompt, self._name.target))
        reader = stream(self._spec, columns, pinned=None, repo=None, position=None, shard_bytes=SHARD_BYTES)
        parts: list[bytes] = []
        number = 0
        try:
            for message in reader.messages():
                if message is None:
                    yield None
                    continue
                kind, payload = message
                if kind in (frames.PIECE, frames.DOCUMENT):
                    parts.append(payload)
                if kind == frames.DOCUMENT:
                    number += 1
                    row = json.loads(b"".join(parts))
                    yield pair_of(row, self._name.prompt, self._name.target, f"{self.label!r} row {number}")
                    parts = []
        finally:
            reader.close()
