"""Files looked at before they are opened: regular, readable, and of which kind. Knows no table.

A FIFO would block, /dev/zero never ends, and a compressed file of a kilobyte may unpack to a terabyte: each is refused
by what it is, before a byte of its content is believed.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import IO

from scalelab.errors import BadInput
from scalelab.laws.reading.cells import shown

TABLES = "a CSV, TSV, Parquet or JSON lines file, or a folder of runs"
SNIFFED = 65_536
"""Bytes looked at to tell a text from something else."""
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
}


def shown_name(path: str | os.PathLike[str]) -> str:
    """A path as it may be printed."""
    return shown(os.path.basename(os.fspath(path)) or os.fspath(path))


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether the path is a folder; refused where it is neither folder nor regular file, or cannot be looked at."""
    name = shown_name(path)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as problem:
        raise BadInput(f"cannot read {name}: {why(problem)}", allowed=TABLES) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise BadInput(f"{name} is no regular file", allowed=TABLES)
    return stat.S_ISDIR(mode)


def opened(path: Path) -> tuple[IO[bytes], bytes]:
    """A regular file, opened without waiting for anybody, and its first bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as problem:
        raise BadInput(f"cannot read {shown_name(path)}: {why(problem)}", allowed=TABLES) from None
    file = open(descriptor, "rb")  # noqa: SIM115 - the caller's, who closes it
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadInput(f"{shown_name(path)} is no regular file", allowed=TABLES)
        head = file.read(SNIFFED)
        file.seek(0)
    except OSError as problem:
        file.close()
        raise BadInput(f"cannot read {shown_name(path)}: {why(problem)}", allowed=TABLES) from None
    except BadInput:
        file.close()
        raise
    return file, head


def as_text(file: IO[bytes], head: bytes, name: str) -> io.TextIOWrapper:
    """The file as text, where its first bytes are text."""
    if trouble := _not_text(head):
        file.close()
        raise BadInput(f"{name} {trouble}", allowed=TABLES + " in UTF-8")
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


def why(problem: Exception) -> str:
    """What the system says, in its words."""
    return (problem.strerror if isinstance(problem, OSError) else None) or "not a usable name"


def _not_text(head: bytes) -> str:
    """What a file is instead of a text, or ""."""
    if not head.strip(b"\xef\xbb\xbf \r\n\t"):
        return "is empty"
    if kind := next((kind for magic, kind in _COMPRESSED.items() if head.startswith(magic)), ""):
        return f"is compressed ({kind}): unpack it first"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16"
    return "is binary" if b"\0" in head else ""


def small_text(path: Path, most: int) -> str | None:
    """A whole small text file; None where it is missing, too large, no regular file or no UTF-8."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode) or os.stat(path).st_size > most:
            return None
        with open(path, "rb") as file:
            return file.read(most + 1).decode("utf-8-sig")
    except (OSError, ValueError):
        return None
