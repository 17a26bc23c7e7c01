"""Files → rows: jsonl, csv, tsv and parquet, plain or compressed, each row with the words that say where it stands."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scalelab.corpora.reading import delimited, format_of
from scalelab.corpora.reading.jsonl import no_column
from scalelab.corpora.reading.stream import COMPRESSED, open_steady, refuse_bomb
from scalelab.corpora.reading.text import lines
from scalelab.errors import BadInput

Row = tuple[str, Mapping[str, Any]]
"""Where it stands, in words, and its columns."""
_ROWS = 256
_TODO = "name the columns: #PROMPT,TARGET"


def rows_of(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of one file; `columns` are those that are wanted, with dots for what is nested in one.

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
    for number, row in delimited.table(path, columns, _TODO):
        yield f"{str(path)!r} line {number}", row


def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    if path.suffix.lower() in COMPRESSED:
        raise BadInput(f"{str(path)!r} is a compressed parquet file", todo="unpack it: parquet compresses by itself")
    import pyarrow
    from pyarrow.parquet import ParquetFile

    with open_steady(path) as file:
        try:
            table = ParquetFile(file, pre_buffer=False)
            known = list(table.schema_arrow.names)
            # A name with a dot may be a column's own, or say what is nested in one.
            top = list(dict.fromkeys(name if name in known else name.partition(".")[0] for name in columns))
            _need(repr(str(path)), top, known)
            given, number, size = 0, 0, os.fstat(file.fileno()).st_size
            for batch in table.iter_batches(batch_size=_ROWS, columns=top, use_threads=False):
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
            raise BadInput(problem.what, allowed=problem.allowed, todo=_TODO)
