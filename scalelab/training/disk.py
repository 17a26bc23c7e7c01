"""What the disk really holds: files pushed out to it, their hashes, and the room there is. Knows no formats."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from pathlib import Path

from scalelab.errors import ScalelabError
from scalelab.units import format_bytes

_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE})
_SLACK = 1 << 16
"""Bytes beside the tensors: a header, a manifest, the folder's own blocks."""
_RUST = re.compile(r"os error (\d+)")
"""How safetensors tells of the system's error numbers."""


class NoRoom(ScalelabError):
    """The disk or a quota is full, or too many files are open: it passes once somebody makes room."""


def sync(path: Path) -> None:
    """Push a file, or the names in a folder, out to the disk; raises OSError where it will not take them."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def need_room(folder: Path, n_bytes: int, what: str) -> None:
    """Raise NoRoom where a file system has no room for so many bytes, before the first of them is written."""
    seen = os.statvfs(folder)
    free, needed = seen.f_bavail * seen.f_frsize, n_bytes + n_bytes // 50 + _SLACK
    if free < needed:
        raise NoRoom(
            f"disk full: {what} needs {format_bytes(needed)}, {format_bytes(free)} are free at {folder}",
            todo="make room there",
        )


def failed(what: str, error: Exception) -> ScalelabError:
    """What could not be written, in one line; a NoRoom where that passes."""
    number = getattr(error, "errno", None)
    if number is None and (told := _RUST.search(str(error))):
        number = int(told[1])
    if number not in _PASSING:
        return ScalelabError(f"{what} was not saved: {error}", todo="make room, or another folder")
    reason = "too many open files" if number in {errno.EMFILE, errno.ENFILE} else "disk full"
    return NoRoom(f"{reason}: {what} was not saved: {error}", todo="make room there")
