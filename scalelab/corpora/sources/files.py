"""Local files as a corpus: a path, a folder or a glob, of text, jsonl, csv or parquet, plain or compressed."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from scalelab.corpora.reading import documents_of, is_known_format
from scalelab.corpora.reading.stream import stat_regular
from scalelab.corpora.sources.base import Document, Fingerprint
from scalelab.errors import BadInput, did_you_mean
from scalelab.gate import clean
from scalelab.preset import CorpusSpec

DESCRIPTION = "local files: a path, folder or glob of txt, md, py, …, jsonl, csv, parquet, plain or .gz .bz2 .xz .zst"
_PREFIX = "files:"
_ALLOWED = "a corpus name, or a path, folder or glob of files"


class FileSource:
    """Regular files, one after another."""

    def __init__(self, label: str, paths: Sequence[Path], column: str = "text") -> None:
        self.label = label
        self.paths = paths
        self._column = column
        self.size_bytes = sum(stat_regular(path).st_size for path in paths)

    def fingerprint(self) -> Fingerprint:
        """Name, size and times of every file: ctime moves with each write, even where the mtime was set back."""
        lines, changed_ns = [], 0
        for path in self.paths:
            found = stat_regular(path)
            lines.append(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\0{found.st_ctime_ns}\0{found.st_ino}")
            changed_ns = max(changed_ns, found.st_mtime_ns, found.st_ctime_ns)
        return Fingerprint(text="\n".join(lines), changed_ns=changed_ns)

    def documents(self) -> Iterator[Document]:
        """The documents of the files, in the order of the paths."""
        for path in self.paths:
            if stat_regular(path).st_size:  # an empty file among others, such as an __init__.py, is no mistake
                yield from documents_of(path, self._column)


def open_files(corpus: CorpusSpec, *, names: Sequence[str]) -> FileSource:
    """The files that the spec's source means; `names` are the corpora that it may have meant instead."""
    pattern = corpus.source.removeprefix(_PREFIX)
    paths = _expand(pattern, names)
    source = FileSource(clean(corpus.source, 200), paths, corpus.text_column)
    if source.size_bytes == 0:
        raise BadInput(f"corpus {pattern!r} is empty", todo="give files that hold text")
    return source


def _expand(pattern: str, names: Sequence[str]) -> list[Path]:
    if not pattern or "\0" in pattern:
        raise BadInput(f"corpus.source {pattern!r} is no path", allowed=_ALLOWED)
    path = Path(os.path.expanduser(pattern))
    try:
        mode = path.stat().st_mode
    except OSError as error:
        # A name with brackets may exist as it stands, so the glob comes second.
        matches = _matches(path)
        if not matches:
            reason = error.strerror or type(error).__name__
            todo = did_you_mean(pattern, names) or "give a path that exists"
            raise BadInput(f"corpus {pattern!r}: {reason.lower()}", allowed=_ALLOWED, todo=todo) from error
        return matches
    return _walk(path) if stat.S_ISDIR(mode) else [path.absolute()]


def _matches(pattern: Path) -> list[Path]:
    if not glob.has_magic(str(pattern)):
        return []
    found = (Path(name).absolute() for name in glob.glob(str(pattern), recursive=True))
    return sorted(path for path in found if not os.path.isdir(path))


def _walk(folder: Path) -> list[Path]:
    """The files of known formats under a folder, hidden ones left out."""
    paths: list[Path] = []
    for parent, folders, files in os.walk(folder.absolute(), onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        visible = (Path(parent, name) for name in files if not name.startswith("."))
        paths += [path for path in visible if is_known_format(path) and os.path.isfile(path)]
    if not paths:
        raise BadInput(
            f"folder {str(folder)!r} holds no text",
            allowed="txt, md, py and other text, jsonl, csv, parquet, plain or compressed",
            todo="name the files by a glob if they have other endings",
        )
    return sorted(paths)


def _unreadable(error: OSError) -> None:
    raise BadInput(
        f"folder {error.filename!r} cannot be read: {error.strerror}", todo="check its permissions"
    ) from error
