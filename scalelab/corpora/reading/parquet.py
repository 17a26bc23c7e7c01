"""Parquet → documents: every row of the text column is a document, read a few rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scalelab.corpora.reading.jsonl import no_column
from scalelab.corpora.reading.stream import COMPRESSED, open_steady, refuse_bomb
from scalelab.errors import BadInput

_ROWS = 64


def documents(path: Path, column: str) -> Iterator[Iterable[str]]:
    """The text column of every row; nulls are passed over."""
    if path.suffix.lower() in COMPRESSED:
        raise BadInput(f"{str(path)!r} is a compressed parquet file", todo="unpack it: parquet compresses by itself")
    import pyarrow
    from pyarrow.parquet import ParquetFile

    with open_steady(path) as file:
        try:
            table = ParquetFile(file, pre_buffer=False)
            _refuse_other(path, column, table.schema_arrow)
            given, size = 0, os.fstat(file.fileno()).st_size
            for batch in table.iter_batches(batch_size=_ROWS, columns=[column], use_threads=False):
                texts = [text for text in batch.column(0).to_pylist() if text]
                given += sum(map(len, texts))
                refuse_bomb(path, size, given)
                yield from ((text,) for text in texts)
        except (pyarrow.ArrowException, OSError) as error:
            raise BadInput(f"{str(path)!r} is damaged or no parquet file", todo="make or fetch it again") from error
        except UnicodeDecodeError as error:
            raise BadInput(f"{str(path)!r} column {column!r} is no UTF-8", todo="save its text as UTF-8") from error


def _refuse_other(path: Path, column: str, schema: Any) -> None:
    if column not in schema.names:
        raise no_column(repr(str(path)), column, list(schema.names))
    kind = str(schema.field(column).type)
    if kind not in ("string", "large_string", "string_view", "dictionary<values=string, indices=int32, ordered=0>"):
        raise BadInput(
            f"{str(path)!r} column {column!r} holds {kind}", todo="set corpus.text_column to a column of text"
        )
