"""The folder for sockets between a supervisor and its workers; what killed ones left is removed. Knows no lab.

Python's own has a random name that nobody can tell from another program's: after a SIGKILL it stays for ever.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from multiprocessing import process, util
from pathlib import Path

_PREFIX, _HELD = "scalelab-sockets-", "held"
_YOUNG_SECONDS = 60.0
"""A folder may be so young that its maker has not locked it yet."""


def use() -> None:
    """Have multiprocessing keep its sockets in a folder of ours, which is removed at the end or by the next one."""
    config: dict[str, str] = process.current_process()._config  # type: ignore[attr-defined]
    if "tempdir" in config:
        return
    _sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    # Held as long as we live; the kernel lets go of it however we die, and it tells through containers too.
    held = os.open(folder / _HELD, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        shutil.rmtree(folder, ignore_errors=True)
        return  # without locks nobody could tell that it is in use: Python's own folder serves
    config["tempdir"] = str(folder)
    util.Finalize(None, _remove, args=(str(folder), held, os.getpid()), exitpriority=-100)


def _remove(folder: str, held: int, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _sweep(parent: Path) -> None:
    """Remove those of our own that nobody holds."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            seen = folder.lstat()
            if seen.st_uid != os.getuid() or time.time() - seen.st_mtime < _YOUNG_SECONDS or folder.is_symlink():
                continue
            held = os.open(folder / _HELD, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass
        finally:
            os.close(held)
