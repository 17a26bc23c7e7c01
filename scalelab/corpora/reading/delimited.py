"""CSV and TSV → rows and documents: a header names the columns, every row is a document."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from scalelab.corpora.reading.jsonl import no_column
from scalelab.corpora.reading.stream import COMPRESSED
from scalelab.corpora.reading.text import LINE_BYTES, lines
from scalelab.errors import BadInput


def documents(path: Path, column: str) -> Iterator[Iterable[str]]:
    """The text column of every row; empty cells are passed over."""
    for _, row in table(path, [column]):
        if row[column]:
            yield (row[column],)


def table(path: Path, columns: Sequence[str], todo: str = "") -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows with the numbers of their last lines; names of columns are taken without blanks around them.

    Raises BadInput where a column of `columns` is missing (with `todo`) or stands twice, where a row has more or fewer
    cells than the header, and where the quotes are wrong.
    """
    # The module's own limit of 128 kB is below many articles; it is one for the process and only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), LINE_BYTES))
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in COMPRESSED]
    mark = "\t" if suffixes[-1:] == [".tsv"] else ","
    rows = csv.reader((line for _, line in lines(path)), delimiter=mark, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        _refuse_other(repr(str(path)), header, columns, todo)
        for row in rows:
            if row and len(row) != len(header):
                cells = f"{str(path)!r} line {rows.line_num} has {len(row)} cells of {len(header)}"
                raise BadInput(cells, todo="mend or drop it")
            if row:
                yield rows.line_num, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise BadInput(f"{str(path)!r} line {rows.line_num} is no CSV: {error}", todo="mend its quotes") from error


def _refuse_other(where: str, header: list[str], columns: Sequence[str], todo: str) -> None:
    for column in columns:
        if column not in header:
            problem = no_column(where, column, header)
            raise BadInput(problem.what, allowed=problem.allowed, todo=todo or problem.todo)
        if header.count(column) > 1:
            raise BadInput(f"{where} has {header.count(column)} columns {column!r}", todo="rename one of them")
