"""Where text comes from: the registry of sources by name; whatever is no name is a path."""

from __future__ import annotations

from collections.abc import Callable

from scalelab.corpora.hub.names import described
from scalelab.corpora.sources import files, python, sotu
from scalelab.corpora.sources.base import Document, Source
from scalelab.preset import CorpusSpec

__all__ = ["Document", "Source", "available", "open_source"]

_NAMED: dict[str, tuple[str, Callable[[CorpusSpec], Source]]] = {
    "sotu": (sotu.DESCRIPTION, sotu.open_sotu),
    "python": (python.DESCRIPTION, python.open_python),
}


def available() -> list[tuple[str, str]]:
    """Name and description of every corpus that can be asked for; the last one stands for all local files."""
    local = [(name, description) for name, (description, _) in _NAMED.items()]
    *hub, other = described()
    return [*local, *hub, other, ("files:PATH", files.DESCRIPTION)]


def open_source(corpus: CorpusSpec) -> Source:
    """The local source that the spec names, opened but not read; raises BadInput where there is none."""
    if corpus.source in _NAMED:
        return _NAMED[corpus.source][1](corpus)
    return files.open_files(corpus, names=[name for name, _ in available() if ":" not in name])
