"""Files → blocks of bytes, with the guards: only regular files, no bombs, nothing that changes while it is read.

Memory stays at a block or two whatever the file holds. Knows nothing of text.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from scalelab.errors import BadInput
from scalelab.units import format_bytes

COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".zst"})
BLOCK_BYTES = 1 << 20
MAX_BYTES = 20 * 10**9
"""Text from one compressed file; plain files are bounded by the disk that holds them."""
MAX_RATIO = 200
"""Text shrinks 2–30 times, and zeros 230 to 1,030 under gzip -1 to -9: what shrinks more than this is no text."""
_RATIO_FROM = 1 << 26  # below 64 MB a ratio harms nobody

_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, ValueError)


def stat_regular(path: Path) -> os.stat_result:
    """The stat of a regular file. Asked before opening: opening a FIFO would wait for a writer."""
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device, pipe or socket"
        raise BadInput(f"{str(path)!r} is {kind}", allowed="regular files", todo="copy its text into a file first")
    return found


@contextmanager
def open_steady(path: Path) -> Iterator[IO[bytes]]:
    """The file for reading; raises BadInput at the end when it was written to meanwhile."""
    stat_regular(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise _unreadable(path, error) from error
    with open(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise _changed(path)
        yield file
        after = os.fstat(descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise _changed(path)


def blocks(path: Path) -> Iterator[bytes]:
    """The file's bytes, decompressed where its ending says so."""
    suffix = path.suffix.lower()
    with open_steady(path) as file:
        size = os.fstat(file.fileno()).st_size
        given, part, part_read = 0, 0, 0
        try:
            stream = _decompressed(file, suffix)
            while block := stream.read(BLOCK_BYTES):
                given += len(block)
                if suffix in COMPRESSED:
                    refuse_bomb(path, size, given)
                    # Part by part too: of a bomb of gigabytes it takes minutes to see that the whole of it is one.
                    if given - part > _RATIO_FROM:
                        refuse_bomb(path, file.tell() - part_read, given - part)
                        part, part_read = given, file.tell()
                yield block
        except OSError as error:
            if isinstance(error, gzip.BadGzipFile) or error.errno is None:
                raise _damaged(path, suffix) from error
            raise _unreadable(path, error) from error
        except _DAMAGED as error:
            raise _damaged(path, suffix) from error


def _decompressed(file: IO[bytes], suffix: str) -> IO[bytes] | io.BufferedIOBase | Any:
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=file)
    if suffix == ".bz2":
        return bz2.BZ2File(file)
    if suffix == ".xz":
        return lzma.LZMAFile(file)
    if suffix == ".zst":
        import pyarrow

        return pyarrow.CompressedInputStream(pyarrow.PythonFile(file, mode="r"), "zstd")
    return file


def refuse_bomb(path: Path, size: int, given: int) -> None:
    """Raise BadInput where a compressed file, or a part, of `size` bytes has given more text than one may."""
    if given > MAX_BYTES:
        raise BadInput(
            f"{str(path)!r} unpacks to more than {format_bytes(MAX_BYTES)}",
            allowed=f"up to {format_bytes(MAX_BYTES)} of text in one compressed file",
            todo="split it into several files",
        )
    if given > _RATIO_FROM and given > MAX_RATIO * size:
        raise BadInput(
            f"{str(path)!r} unpacks to more than {MAX_RATIO} times its size, which no text does",
            todo="unpack it first if it is what you want",
        )


def _damaged(path: Path, suffix: str) -> BadInput:
    return BadInput(f"{str(path)!r} is damaged or no {suffix or 'readable'} file", todo="make or fetch it again")


def _unreadable(path: Path, error: OSError) -> BadInput:
    reason = (error.strerror or type(error).__name__).lower()
    return BadInput(f"{str(path)!r} cannot be read: {reason}", todo="check the path and its permissions")


def _changed(path: Path) -> BadInput:
    return BadInput(f"{str(path)!r} changed while it was read", todo="wait until it is complete, then start again")
