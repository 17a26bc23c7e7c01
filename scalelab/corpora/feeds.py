"""A corpus as passages that come one after another, from the hub or from this machine, with places to go on from.

The one interface between where text comes from and the shards it goes to; knows neither tokens nor the cache.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from scalelab.corpora.hub import frames
from scalelab.corpora.hub.names import HubSpec
from scalelab.corpora.hub.reader import stream
from scalelab.corpora.origin import Origin
from scalelab.corpora.passages import cut
from scalelab.corpora.sources import Source
from scalelab.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place between two shards."""

    position: Any


Event = bytes | Mark | None
"""A passage; the end of a shard; nothing for a moment."""


class Feed(Protocol):
    """One corpus to be read."""

    label: str
    is_remote: bool

    def identity(self) -> str:
        """Changes whenever what would be read may have changed."""

    def events(self, origin: Origin | None, position: Any, shard_bytes: int) -> Iterator[Event]:
        """Passages from a position on (None: the beginning), a mark after every `shard_bytes`, none at the end."""


class HubFeed:
    """A corpus of the hub, or a folder laid out like one."""

    def __init__(self, spec: HubSpec, column: str) -> None:
        self.spec, self.label, self._column = spec, spec.name, spec.column or column
        self.opened: Callable[[Origin], None] = lambda origin: None
        """Told which state of the corpus is read."""
        self.is_remote = not spec.is_local

    def identity(self) -> str:
        """The spec; of a folder also its files as they look from outside."""
        told = [self.spec.repo, self.spec.config, self.spec.revision, self._column, self.spec.split, self.spec.unit]
        return json.dumps([*told, look(self.spec)])

    def events(self, origin: Origin | None, position: Any, shard_bytes: int) -> Iterator[Event]:
        """The passages of the documents that the streaming process sends."""
        reader = stream(
            self.spec, self._column, pinned=origin.revision if origin else None, repo=origin.repo if origin else None,
            position=position, shard_bytes=shard_bytes,
        )  # fmt: skip
        parts: list[bytes] = []
        try:
            for message in reader.messages():
                if message is None:
                    yield None
                    continue
                kind, payload = message
                if kind == frames.OPENED:
                    self.opened(Origin(**json.loads(payload)))
                elif kind == frames.POSITION:
                    yield Mark(position=json.loads(payload))
                elif kind in (frames.PIECE, frames.DOCUMENT):
                    parts.append(payload)
                if kind == frames.DOCUMENT:
                    yield from cut([b"".join(parts).decode()])
                    parts = []
        finally:
            reader.close()


class LocalFeed:
    """Text of this machine, as a part of a mixture. A position is the number of bytes of passages before it."""

    is_remote = False

    def __init__(self, source: Source) -> None:
        self.label, self._source = source.label, source

    def identity(self) -> str:
        """Names, sizes and times of its files."""
        return self._source.fingerprint().text

    def events(self, origin: Origin | None, position: Any, shard_bytes: int) -> Iterator[Event]:
        """The passages; those before the position are read again, which costs a disk nothing to speak of."""
        before = self._source.fingerprint()
        skip, given, since = position or 0, 0, 0
        for document in self._source.documents():
            for passage in cut(document):
                given += len(passage)
                if given <= skip:
                    continue
                yield passage
                since += len(passage)
                if since >= shard_bytes:
                    yield Mark(position=given)
                    since = 0
        if self._source.fingerprint() != before:
            raise BadInput(f"corpus {self.label!r} changed while it was read", todo="start again when it is complete")


def look(spec: HubSpec) -> list[str]:
    """A local folder's files as they look from outside; nothing of the hub's."""
    if not spec.is_local:
        return []
    found = (path for path in sorted(spec.folder.rglob("*")) if path.is_file())
    return [f"{path} {(stat := path.stat()).st_size} {stat.st_mtime_ns} {stat.st_ino}" for path in found]
