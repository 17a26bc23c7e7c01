"""CSV and TSV → documents: a header names the columns, every row is a document."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from scalelab.corpora.reading.jsonl import no_column
from scalelab.corpora.reading.text import LINE_BYTES, lines
from scalelab.errors import BadInput


def documents(path: Path, column: str) -> Iterator[Iterable[str]]:
    """The text column of every row; empty cells are passed over."""
    # The module's own limit of 128 kB is below many articles; it is one for the process and only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), LINE_BYTES))
    stem = path.name.lower()
    rows = csv.reader((line for _, line in lines(path)), delimiter="\t" if ".tsv" in stem else ",", strict=True)
    try:
        header = next(rows, [])
        if column not in header:
            raise no_column(repr(str(path)), column, header)
        place = header.index(column)
        for row in rows:
            if row and len(row) <= place:
                raise BadInput(
                    f"{str(path)!r} line {rows.line_num} has {len(row)} cells of {len(header)}", todo="mend or drop it"
                )
            if row and row[place]:
                yield (row[place],)
    except csv.Error as error:
        raise BadInput(f"{str(path)!r} line {rows.line_num} is no CSV: {error}", todo="mend its quotes") from error
