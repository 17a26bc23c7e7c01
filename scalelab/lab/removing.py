"""A lab goes: what is the lab's own is removed, nothing else, and only while nobody trains it.

The lock is held meanwhile, and the folder is renamed before anything in it goes: a starter finds a whole lab or none.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean
from scalelab.lab import lock
from scalelab.lab.opening import existing
from scalelab.lab.paths import LabPaths
from scalelab.store import schema

_OWN = re.compile(
    r"preset\.toml|lab\.db(-wal|-shm|-journal|\.backup-v\d+|\.v\d+\.bak)?|tokens|runs|supervisor\.log|lock"
)
"""Names that a lab gives, in the folder itself; what is inside `runs` is all its own."""


def remove(folder: str | Path) -> tuple[str, ...]:
    """Remove a lab; names of what lay in its folder, is not the lab's and was left there.

    Links are removed as links: what they lead to stays, the tokens in the shared cache among it.

    Raises
    ------
    BadInput
        There is no lab, or the folder is a link.
    Owned
        Somebody trains it.
    ScalelabError
        Something could not be removed; names it.
    """
    paths = existing(folder)
    if paths.root.is_symlink() or paths.store.is_symlink():
        raise BadInput(f"lab {paths.root} is a link", allowed="the folder itself")
    if not schema.is_ours(paths.store):
        raise BadInput(f"{paths.store} is not a store of scalelab", allowed="a directory that `scalelab run` made")
    with lock.acquire(paths.lock):
        foreign = strangers(paths)
        try:
            _remove_own(paths) if foreign else _remove_all(paths)
        except OSError as error:
            where = clean(str(error.filename or paths.root), 200)
            raise ScalelabError(f"{where} cannot be removed: {(error.strerror or str(error)).lower()}") from None
    return foreign


def strangers(paths: LabPaths) -> tuple[str, ...]:
    """What lies in a lab's folder and is not the lab's."""
    return tuple(sorted(name for name in os.listdir(paths.root) if not _OWN.fullmatch(name)))


def _remove_all(paths: LabPaths) -> None:
    going = Path(tempfile.mkdtemp(prefix=".removing-", dir=paths.root.parent))
    # Onto an empty folder a rename is atomic; from here on there is no lab at this place.
    os.rename(paths.root, going)
    _remove_own(LabPaths(going))
    os.rmdir(going)


def _remove_own(paths: LabPaths) -> None:
    """The store first: without it a folder is no lab any more, whatever becomes of the rest."""
    names = [name for name in os.listdir(paths.root) if _OWN.fullmatch(name)]
    for name in sorted(names, key=lambda name: (name == "lock", not name.startswith("lab.db"), name)):
        path = paths.root / name
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)  # follows no link, and is safe from one that is put there meanwhile
        else:
            path.unlink()
