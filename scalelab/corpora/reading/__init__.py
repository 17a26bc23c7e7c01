"""Files → documents: the registry of formats by ending; a file of an unknown ending is read as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from scalelab.corpora.reading import delimited, jsonl, parquet, text
from scalelab.corpora.reading.stream import COMPRESSED

Reader = Callable[[Path, str], Iterator[Iterable[str]]]
"""From a file and the name of its text column to documents in blocks."""

_READERS: dict[str, Reader] = {
    ".jsonl": jsonl.documents,
    ".ndjson": jsonl.documents,
    ".json": jsonl.documents,
    ".csv": delimited.documents,
    ".tsv": delimited.documents,
    ".parquet": parquet.documents,
}
_TEXT = frozenset(
    f".{ending}"
    for group in (
        ("txt", "text", "md", "markdown", "rst", "org", "tex", "html", "htm", "xml", "css", "log"),
        ("py", "pyi", "js", "ts", "c", "h", "cc", "cpp", "hpp", "cs", "java", "kt", "scala", "go", "rs", "rb", "php"),
        ("pl", "lua", "jl", "r", "m", "f90", "hs", "ml", "swift", "sh", "sql", "toml", "yaml", "yml", "ini", "cfg"),
    )
    for ending in group
)


def format_of(path: Path) -> str:
    """The ending that says the format, below that of a compression: "a.jsonl.gz" → ".jsonl"."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in COMPRESSED else suffix


def is_known_format(path: Path) -> bool:
    """Whether a file found in a folder is taken for text."""
    return format_of(path) in _READERS or format_of(path) in _TEXT


def documents_of(path: Path, column: str) -> Iterator[Iterable[str]]:
    """The documents of one file; `column` holds the text where the format has columns."""
    return _READERS.get(format_of(path), text.documents)(path, column)
