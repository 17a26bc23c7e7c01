"""Files → rows: jsonl, csv, tsv and parquet, plain or compressed, each row with the words that say where it stands."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scalelab.corpora.reading import format_of
from scalelab.corpora.reading.jsonl import no_column
from scalelab.corpora.reading.stream import COMPRESSED, open_steady, refuse_bomb
from scalelab.corpora.reading.text import LINE_BYTES, lines
from scalelab.errors import BadInput

Row = tuple[str, Mapping[str, Any]]
"""Where it stands, in words, and its columns."""
_ROWS = 256


def rows_of(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of one file; `columns` are those of the table that are wanted.

    Raises BadInput, in one line with the file and the row, where it cannot be read or has no such column.
    """
    kind = format_of(path)
    if kind in {".jsonl", ".ndjson", ".json"}:
        return _json_rows(path)
    if kind in {".csv", ".tsv"}:
        return _delimited(path, columns)
    if kind == ".parquet":
        return _parquet(path, columns)
    raise BadInput(f"{str(path)!r} is no table of pairs", allowed="jsonl, csv, tsv or parquet, plain or compressed")


def _json_rows(path: Path) -> Iterator[Row]:
    for number, line in lines(path):
        if not line.strip():
            continue
        where = f"{str(path)!r} line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where} is no JSON", allowed="one JSON object a line") from error
        if not isinstance(row, dict):
            raise BadInput(f"{where} is no JSON object", allowed="one JSON object a line")
        yield where, row


def _delimited(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    csv.field_size_limit(max(csv.field_size_limit(), LINE_BYTES))
    mark = "\t" if format_of(path) == ".tsv" else ","
    rows = csv.reader((line for _, line in lines(path)), delimiter=mark, strict=True)
    try:
        header = next(rows, [])
        _need(repr(str(path)), columns, header)
        for row in rows:
            where = f"{str(path)!r} line {rows.line_num}"
            if row and len(row) != len(header):
                raise BadInput(f"{where} has {len(row)} cells of {len(header)}", todo="mend or drop it")
            if row:
                yield where, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise BadInput(f"{str(path)!r} line {rows.line_num} is no CSV: {error}", todo="mend its quotes") from error


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    if path.suffix.lower() in COMPRESSED:
        raise BadInput(f"{str(path)!r} is a compressed parquet file", todo="unpack it: parquet compresses by itself")
    import pyarrow
    from pyarrow.parquet import ParquetFile

    with open_steady(path) as file:
        try:
            table = ParquetFile(file, pre_buffer=False)
            _need(repr(str(path)), columns, list(table.schema_arrow.names))
            given, number, size = 0, 0, os.fstat(file.fileno()).st_size
            for batch in table.iter_batches(batch_size=_ROWS, columns=list(columns), use_threads=False):
                given += batch.nbytes
                refuse_bomb(path, size, given)
                for row in batch.to_pylist():
                    number += 1
                    yield f"{str(path)!r} row {number}", row
        except (pyarrow.ArrowException, OSError) as error:
            raise BadInput(f"{str(path)!r} is damaged or no parquet file", todo="make or fetch it again") from error
        except UnicodeDecodeError as error:
            raise BadInput(f"{str(path)!r} holds text that is no UTF-8", todo="save it as UTF-8") from error


def _need(where: str, columns: Sequence[str], known: list[str]) -> None:
    for column in columns:
        if column not in known:
            problem = no_column(where, column, known)
            raise BadInput(problem.what, allowed=problem.allowed, todo="name the columns: #PROMPT,TARGET")
