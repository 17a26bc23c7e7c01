"""A Parquet file as a sheet: only the columns that matter, a thousand rows at a time. Knows no meaning of a column."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import IO, Any

from scalelab.errors import BadInput
from scalelab.laws.reading.records import LONGEST_TEXT
from scalelab.laws.reading.sheets import MOST_ROWS, Row, Sheet

BATCH = 1_000
MOST_BYTES = 1 << 30
"""Of one column in one row group, unpacked: pyarrow holds a chunk of it at a time."""


def parquet(file: IO[bytes], name: str) -> Sheet:
    """A Parquet file as a sheet; columns of structs have dots in their names.

    Raises
    ------
    BadInput
        Damaged, no columns of numbers or text, too many rows, or a column that unpacks to a gigabyte.
    """
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(file, pre_buffer=False)
        paths = _leaves(table)
    except (pyarrow.ArrowException, OSError, ValueError) as problem:
        raise _damaged(name) from problem
    if table.metadata.num_rows > MOST_ROWS:
        raise BadInput(f"{name} has {table.metadata.num_rows:,} rows", allowed=f"up to {MOST_ROWS:,}")
    if not paths:
        raise BadInput(f"{name} has no columns of numbers or text")

    def rows(needed: Collection[int]) -> Iterator[Row]:
        wanted = sorted(needed)
        _refuse_bomb(table, [paths[at] for at in wanted], name)
        try:
            yield from _rows(table, paths, wanted)
        except (pyarrow.ArrowException, OSError, ValueError) as problem:
            raise _damaged(name) from problem

    return Sheet(headings=paths, rows=rows)


def _leaves(table: Any) -> list[str]:
    """Dotted names of all columns that hold one number or text a row; lists are left out."""
    schema = table.metadata.schema
    return [schema.column(i).path for i in range(len(schema)) if schema.column(i).max_repetition_level == 0]


def _rows(table: Any, paths: list[str], wanted: list[int]) -> Iterator[Row]:
    line = 0
    for batch in table.iter_batches(batch_size=BATCH, columns=[paths[at] for at in wanted], use_threads=False):
        columns: list[list[Any]] = [[None] * batch.num_rows] * len(paths)
        for at in wanted:
            columns[at] = _values(batch, paths[at])
        for cells in zip(*columns, strict=True):
            line += 1
            yield line, list(cells)


def _values(batch: Any, path: str) -> list[Any]:
    """One column of a batch as cells."""
    top, *inside = path.split(".")
    whole = path in batch.schema.names
    values: list[Any] = batch.column(path if whole else top).to_pylist()
    for key in () if whole else inside:
        values = [None if value is None else value.get(key) for value in values]
    return [value if isinstance(value, float) else _cell(value) for value in values]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, int | float):
        return value
    return str(value)[:LONGEST_TEXT]


def _refuse_bomb(table: Any, paths: list[str], name: str) -> None:
    """Refuse columns that a few bytes unpack to more than there is room for."""
    for group in range(table.metadata.num_row_groups):
        row_group = table.metadata.row_group(group)
        for i in range(row_group.num_columns):
            column = row_group.column(i)
            if column.path_in_schema in paths and column.total_uncompressed_size > MOST_BYTES:
                raise BadInput(f"column {column.path_in_schema[:60]!r} of {name} unpacks to more than a gigabyte")


def _damaged(name: str) -> BadInput:
    return BadInput(f"{name} is damaged or no Parquet file", todo="make or fetch it again")
