"""The running interpreter's standard library as a corpus: about 10 MB of Python, there on every machine.

It differs from one Python version to the next, so its labs compare only on one version.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

from scalelab.corpora.sources.files import FileSource
from scalelab.errors import BadInput
from scalelab.preset import CorpusSpec

DESCRIPTION = "the standard library of the running Python: about 10 MB of source code, offline"

# What is installed on top is no standard library, and test files hold bytes that are no UTF-8 on purpose.
_LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}


def open_python(corpus: CorpusSpec) -> FileSource:
    """The standard library's .py files, tests left out."""
    home = Path(sysconfig.get_paths()["stdlib"])
    paths = [path for path in home.rglob("*.py") if not _LEFT_OUT & set(path.relative_to(home).parts)]
    readable = sorted(path for path in paths if path.is_file() and _is_utf8(path))
    if not readable:
        raise BadInput("this Python comes without its sources", todo="choose another corpus.source")
    return FileSource("python", readable)


def _is_utf8(path: Path) -> bool:
    # PEP 263: other encodings must be declared in the first two lines.
    with path.open("rb") as file:
        head = file.readline() + file.readline()
    return b"coding" not in head or b"utf-8" in head.lower() or b"ascii" in head.lower()
