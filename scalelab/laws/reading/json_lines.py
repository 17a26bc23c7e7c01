"""JSON lines, or one JSON array of objects, as a sheet: read as a stream, one object at a time in memory; one object
that holds all runs is read whole.

Knows JSON, not what the keys mean.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from scalelab.errors import BadInput
from scalelab.laws.reading.cells import shown
from scalelab.laws.reading.json_documents import MOST_CHARACTERS, document
from scalelab.laws.reading.records import Record, sheet_of
from scalelab.laws.reading.sheets import Refused, Sheet

LONGEST = 1_000_000
"""Characters of one object."""
CHUNK = 65_536
SEARCHED = 1_000
"""Characters looked at after a first line for a second one."""
_BLANK = " \t\r\n"


def json_lines(stream: io.TextIOWrapper, name: str) -> Sheet:
    """A text of one object a line, or of one array of objects, as a sheet."""
    records = _told(stream, name)
    return sheet_of(records, name)


def _told(stream: io.TextIOWrapper, name: str) -> Iterator[Record]:
    """Every object; what breaks the reader is told as one line."""
    try:
        begin = ""
        while not begin.strip(_BLANK + "\ufeff") and (more := stream.read(1)):
            begin += more
        if begin.endswith("["):
            yield from _array(stream, begin.count("\n") + 1, name)
        else:
            first = begin + stream.readline(LONGEST)
            yield from _whole(stream, first) or _lines(stream, first)
    except UnicodeDecodeError as problem:
        raise BadInput(f"{name} is not UTF-8 ({problem.reason})", allowed="JSON in UTF-8") from None


def _whole(stream: io.TextIOWrapper, first: str) -> Iterator[Record] | None:
    """The runs of one object over many lines, or alone in its line; None, at the second line, where it is not that."""
    at, text = stream.tell(), first.lstrip(_BLANK + "\ufeff")
    if _goes_on(text):
        text += stream.read(MOST_CHARACTERS)
    elif stream.read(SEARCHED).strip(_BLANK):
        text = ""
    stream.seek(at)
    return document(text) if text and len(text) < MOST_CHARACTERS else None


def _goes_on(text: str) -> bool:
    """Whether an object begins here that is not at its end yet, and not broken before."""
    try:
        json.loads(text)
    except json.JSONDecodeError as problem:
        return text.startswith("{") and (problem.pos >= len(text.rstrip(_BLANK)) or len(text) >= LONGEST)
    except (ValueError, RecursionError):
        pass
    return False


def _lines(stream: io.TextIOWrapper, first: str) -> Iterator[Record]:
    """One object a line; a line that is none is a refused row."""
    rest = iter(partial(stream.readline, LONGEST), "")
    line, whole = 0, True
    for text in itertools.chain([first], rest):
        begins_here, whole = whole, text.endswith("\n")
        lines = text.count("\n")
        line += max(lines, 1) if begins_here else 0
        if not begins_here:
            continue  # the rest of a line that was too long and is refused already
        if not whole and len(text) >= LONGEST:
            yield line, Refused("", f"a line of more than {LONGEST:,} characters")
        elif text.strip():
            yield line, _parsed(text)


def _parsed(text: str) -> dict[str, Any] | Refused:
    """The object in a text, or why there is none."""
    try:
        item = json.loads(text)
    except (ValueError, RecursionError) as problem:
        return Refused("", f"no JSON: {_why(problem)}")
    return item if isinstance(item, dict) else Refused("", f"no object but {shown(text.strip())}")


def _why(problem: Exception) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return f"{problem.msg.lower()} (character {problem.pos + 1})"
    return "nested too deep" if isinstance(problem, RecursionError) else "a number of too many digits"


def _array(stream: io.TextIOWrapper, line: int, name: str) -> Iterator[Record]:
    """The objects of one array, each parsed as soon as it has been read."""
    decoder, buffer = json.JSONDecoder(), ""
    ended = False
    while True:
        blank = len(buffer) - len(buffer.lstrip(_BLANK + ","))
        line += buffer[:blank].count("\n")
        buffer = buffer[blank:]
        if buffer.startswith("]"):
            return
        item, end = _next(decoder, buffer)
        if end and (ended or end < len(buffer)):
            yield line, item if isinstance(item, dict) else Refused("", f"no object but {shown(buffer[:end])}")
            line += buffer[:end].count("\n")
            buffer = buffer[end:]
            continue
        if ended or len(buffer) > LONGEST:
            raise BadInput(
                f"{name} is no JSON array of objects near line {line}", allowed="[{…}, {…}] or one object a line"
            )
        # Twice as much each time, so that a large object is not parsed again for every chunk of it.
        more = stream.read(max(CHUNK, len(buffer)))
        buffer, ended = buffer + more, not more


def _next(decoder: json.JSONDecoder, buffer: str) -> tuple[Any, int]:
    """The value at the start of a text and where it ends; 0 where it is not whole."""
    try:
        return decoder.raw_decode(buffer)
    except (ValueError, RecursionError):
        return None, 0
