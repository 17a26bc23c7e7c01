"""The recorded lab that ships: the preset `tiny`, trained on two CPU cores. Only its store, packed."""

from __future__ import annotations

import gzip
from importlib import resources
from pathlib import Path

NAME = "tiny"


def unpack(folder: Path) -> Path:
    """The shipped lab in this new folder."""
    folder.mkdir(mode=0o700)
    packed = resources.files(__name__).joinpath(f"{NAME}.db.gz").read_bytes()
    (folder / "lab.db").write_bytes(gzip.decompress(packed))
    return folder
