"""Which state of a corpus of the hub is read: kept beside what was read of it, for this start and all later ones."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from scalelab.corpora.shards.files import write_whole

_FILE = "origin.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A commit, and the repository that was read in the end."""

    revision: str
    repo: str


def origin_of(folder: Path) -> Origin | None:
    """The state that an earlier start began to read."""
    try:
        return Origin(**json.loads((folder / _FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def pin(folder: Path, origin: Origin) -> None:
    """All later starts read the same state, wherever the main branch goes."""
    if origin_of(folder) is None:
        write_whole(folder / _FILE, lambda file: file.write(json.dumps(asdict(origin)).encode()))
