"""A CSV file as lines of cells: looked at before it is opened, read as a stream, refused in one line where it is none.

Knows text and files, not what the cells mean.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from scalelab.errors import BadInput
from scalelab.laws.reading.cells import number, shown

SNIFFED = 65_536
"""Bytes looked at to tell a text from something else."""
LONGEST = 1_000_000
"""Characters of a line: a file that is one endless line must not fill the memory."""
Row = tuple[int, list[str]]
"""Line number, counted from 1, and cells."""


def shown_name(path: str | os.PathLike[str]) -> str:
    """A path as it may be printed."""
    return shown(os.path.basename(os.fspath(path)) or os.fspath(path))


def opened(path: Path, name: str) -> io.TextIOWrapper:
    """The file as text, after looking that it is one."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as problem:
        raise BadInput(f"cannot read {name}: {_why(problem)}", allowed="a CSV file") from None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise BadInput(f"{name} is {kind}", allowed="a CSV file")
    try:
        raw = path.open("rb")
    except OSError as problem:
        raise BadInput(f"cannot read {name}: {_why(problem)}", allowed="a CSV file") from None
    head = raw.read(SNIFFED)
    raw.seek(0)
    if trouble := _not_text(head):
        raw.close()
        raise BadInput(f"{name} {trouble}", allowed="a CSV file in UTF-8")
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


def _why(problem: Exception) -> str:
    return (problem.strerror if isinstance(problem, OSError) else None) or "not a usable name"


def _not_text(head: bytes) -> str:
    """What a file is instead of a text, or ""."""
    if not head.strip(b"\xef\xbb\xbf \r\n\t"):
        return "is empty"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16"
    return "is binary" if b"\0" in head else ""


def rows_of(stream: io.TextIOWrapper, name: str) -> Iterator[Row]:
    """(line, cells) of every row that is not blank; what breaks the reader is told as one line."""
    csv.field_size_limit(LONGEST)
    try:
        first = stream.readline(LONGEST)
        delimiter = max(",;\t", key=first.count)
        lines = iter(lambda: stream.readline(LONGEST), "")
        reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
        for cells in reader:
            if any(map(str.strip, cells)):
                yield reader.line_num, cells
    except UnicodeDecodeError as problem:
        raise BadInput(f"{name} is not UTF-8 ({problem.reason})", allowed="a CSV file in UTF-8") from None
    except csv.Error as problem:
        raise BadInput(f"{name} is no CSV near line {reader.line_num}: {problem}") from None


def check_header(header: Sequence[str], name: str) -> None:
    """A first line of numbers is a row, not a header."""
    if not header:
        raise BadInput(f"{name} is empty", allowed="a CSV file")
    cells = [cell.strip() for cell in header if cell.strip()]
    if all(isinstance(number(cell, "cell"), float) for cell in cells):
        raise BadInput(
            f"{name} has no header: its first line is {shown(','.join(cells))}",
            todo="name the columns in the first line: n_params,tokens,loss",
        )
