"""CSV and TSV as a sheet: read as a stream, and refused in one line where it is none.

Knows text, not what the cells mean.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from scalelab.errors import BadInput
from scalelab.laws.reading.cells import number, shown
from scalelab.laws.reading.sheets import Row, Sheet

LONGEST = 1_000_000
"""Characters of a line: a file that is one endless line must not fill the memory."""
WIDEST = 16_000_000
"""Characters of the first line: a chart of 10,000 curves has a heading of 100 for each, three times."""


def delimited(stream: io.TextIOWrapper, name: str) -> Sheet:
    """A text of comma, semicolon or tab as a sheet."""
    rows = _rows(stream, name)
    _, header = next(rows, (0, []))
    headings = [str(cell).strip() for cell in header]
    _check(headings, name)

    def rest(_: Collection[int]) -> Iterator[Row]:
        return rows

    return Sheet(headings=headings, rows=rest)


def _rows(stream: io.TextIOWrapper, name: str) -> Iterator[Row]:
    """(line, cells) of every row that is not blank; what breaks the reader is told as one line."""
    csv.field_size_limit(LONGEST)
    try:
        first = _whole(stream.readline(WIDEST), WIDEST, name)
        delimiter = max(",;\t", key=first.count)
        reader = csv.reader(itertools.chain([first], _lines(stream, name)), delimiter=delimiter)
        for cells in reader:
            if cells and (cells[0].strip() or any(map(str.strip, cells))):
                yield reader.line_num, cells
    except UnicodeDecodeError as problem:
        raise BadInput(f"{name} is not UTF-8 ({problem.reason})", allowed="a CSV file in UTF-8") from None
    except csv.Error as problem:
        raise BadInput(f"{name} is no CSV near line {reader.line_num}: {problem}") from None


def _lines(stream: io.TextIOWrapper, name: str) -> Iterator[str]:
    for line in iter(partial(stream.readline, LONGEST), ""):
        yield line if len(line) < LONGEST else _whole(line, LONGEST, name)


def _whole(line: str, most: int, name: str) -> str:
    """The line, where it did not go on beyond what is read of one: its rest would be taken for another row."""
    if len(line) >= most:
        raise BadInput(f"{name} has a line of more than {most:,} characters", allowed="a CSV file, a row a run")
    return line


def _check(headings: Sequence[str], name: str) -> None:
    """A first line of numbers is a row, not a header."""
    cells = [cell for cell in headings if cell]
    if not cells:
        raise BadInput(f"{name} is empty", allowed="a CSV file")
    if all(isinstance(number(cell, "cell"), float) for cell in cells):
        raise BadInput(
            f"{name} has no header: its first line is {shown(','.join(cells))}",
            todo="name the columns in the first line: n_params,tokens,loss",
        )
