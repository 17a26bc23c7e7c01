"""Blocks of bytes → blocks of text: strict UTF-8 without BOM, line ends as LF; and a plain file as one document."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from scalelab.corpora.reading.stream import blocks
from scalelab.errors import BadInput
from scalelab.units import format_bytes

LINE_BYTES = 1 << 26
"""Longest line of a table: it must stand in memory whole, unlike the lines of a plain text."""


def documents(path: Path, column: str) -> Iterator[Iterable[str]]:
    """The file as one document."""
    yield text_blocks(path)


def text_blocks(path: Path) -> Iterator[str]:
    """The text of a file in blocks; raises BadInput with the byte's place where it is no UTF-8 text."""
    utf8 = codecs.getincrementaldecoder("utf-8")()
    decoder = io.IncrementalNewlineDecoder(utf8, translate=True)
    given = 0
    for block in blocks(path):
        _refuse_binary(path, block, given)
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            raise _not_utf8(path, given - (len(error.object) - len(block)) + error.start) from error
        yield text.removeprefix("\ufeff") if given == 0 else text
        given += len(block)
    try:
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _not_utf8(path, given - len(error.object) + error.start) from error


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers from 1, line ends kept; a line too long to hold is refused."""
    parts: list[str] = []
    held, number = 0, 1
    for text in text_blocks(path):
        *whole, rest = text.split("\n")
        for line in whole:
            yield number, "".join([*parts, line, "\n"])
            parts, held, number = [], 0, number + 1
        parts.append(rest)
        held += len(rest)
        if held > LINE_BYTES:
            raise BadInput(
                f"{str(path)!r} line {number} is longer than {format_bytes(LINE_BYTES)}",
                todo="split it, or give it as plain text (.txt), whose lines may be of any length",
            )
    if held:
        yield number, "".join(parts)


def _refuse_binary(path: Path, block: bytes, given: int) -> None:
    place = block.find(b"\0")
    if given == 0 and block[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadInput(f"{str(path)!r} is UTF-16", allowed="UTF-8 text", todo="save it as UTF-8")
    if place >= 0:
        raise BadInput(
            f"{str(path)!r} is no text: byte {given + place} is NUL",
            allowed="UTF-8 text",
            todo="leave binary files out",
        )


def _not_utf8(path: Path, offset: int) -> BadInput:
    return BadInput(f"{str(path)!r} is no UTF-8 at byte {offset}", allowed="UTF-8 text", todo="save it as UTF-8")
