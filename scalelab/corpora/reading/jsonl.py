"""JSON lines → documents: one object a line, its text in one column."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from scalelab.corpora.reading.text import lines
from scalelab.errors import BadInput, did_you_mean
from scalelab.gate import clean


def documents(path: Path, column: str) -> Iterator[Iterable[str]]:
    """The text column of every line; empty lines and nulls are passed over."""
    for number, line in lines(path):
        if line.strip():
            text = _text(f"{str(path)!r} line {number}", line, column)
            if text:
                yield (text,)


def _text(where: str, line: str, column: str) -> str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where} is no JSON", allowed="one JSON object a line") from error
    if not isinstance(row, dict):
        raise BadInput(f"{where} is no JSON object", allowed="one JSON object a line")
    if column not in row:
        raise no_column(where, column, list(row))
    text = row[column]
    if text is None:
        return ""
    if not isinstance(text, str):
        raise BadInput(f"{where}: {column!r} holds no text", todo="set corpus.text_column to a column of text")
    if "\\u" in line:  # only an escape can bring half a surrogate pair, which no UTF-8 can hold
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadInput(f"{where}: {column!r} holds half a surrogate pair", todo="mend or drop the line") from error
    return text


def no_column(where: str, column: str, columns: list[str]) -> BadInput:
    """The refusal of a table without the text column."""
    known = ", ".join(clean(str(name), 40) for name in columns[:12]) or "none"
    todo = did_you_mean(column, columns) or "set corpus.text_column"
    return BadInput(f"{where} has no column {column!r}", allowed=f"its columns: {known}", todo=todo)
