"""The running interpreter's standard library as a corpus: about 12 MB of Python, there on every machine.

It differs from one Python version to the next, so its labs compare only on one version.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

from scalelab.corpora.sources.files import FileSource
from scalelab.errors import BadInput
from scalelab.preset import CorpusSpec

DESCRIPTION = "the standard library of the running Python: about 12 MB of source code, offline"

# What is installed on top is no standard library, and test files hold bytes that are no UTF-8 on purpose.
_LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}


def open_python(corpus: CorpusSpec) -> FileSource:
    """The standard library's .py files, tests left out."""
    home = Path(sysconfig.get_paths()["stdlib"])
    paths: list[Path] = []
    for parent, folders, files in os.walk(home):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]  # pruned: installed packages may be GBs
        paths += [Path(parent, name) for name in files if name.endswith(".py")]
    if not paths:
        raise BadInput("this Python comes without its sources", todo="choose another corpus.source")
    return FileSource("python", sorted(paths))
