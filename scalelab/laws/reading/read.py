"""The one front door for runs that were not trained here: looks at what a path is and calls its reader.

Knows the readers by name; each of them knows one format, and all end in the same table.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scalelab.laws.reading.columns import find_columns
from scalelab.laws.reading.delimited import delimited
from scalelab.laws.reading.files import as_text, is_folder, opened, shown_name
from scalelab.laws.reading.sheets import Sheet
from scalelab.laws.reading.tabling import tabled
from scalelab.laws.reading.taking import plan_for, take
from scalelab.laws.reading.where.choosing import Where, chooser_for
from scalelab.laws.runs import RunTable


def read_runs(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    where: Where = None,
    count: str | None = None,
) -> RunTable:
    """Runs from a table or a folder that anybody wrote.

    Parameters
    ----------
    path : CSV or TSV (comma, semicolon or tab; UTF-8), Parquet, JSON lines or an array of objects, a folder of runs
        that left `trainer_state.json`, a folder of TensorBoard event files, or a CSV that W&B exported
    columns : quantity → heading, where the guess is wrong: {"N": "Model Size"}; nested keys have dots
    where : which rows: an expression ("tokens/n_params between 1 and 500"), several of them, or heading → exact text
    count : which column counts N, where there are several: "n_total"

    Returns
    -------
    RunTable
        Good rows, in file order; `excluded` has a line number and a reason for each other row, `notes` what was
        guessed, converted or found odd.

    Raises
    ------
    BadInput
        Nothing that can be read, a needed column missing, no such count, no good row at all.
    """
    name = shown_name(path)
    with _sheet(Path(path), name) as sheet:
        found = find_columns(sheet.headings, columns, count)
        plan = plan_for(sheet, found, chooser_for(sheet.headings, found, where))
        return tabled(take(sheet, plan, name), plan, name, sheet.notes)


@contextmanager
def _sheet(path: Path, name: str) -> Iterator[Sheet]:
    """The table at a path, whatever its format, while its file is open."""
    if is_folder(path):
        from scalelab.laws.reading.folders import folder_sheet

        yield folder_sheet(path, name)
        return
    file, head = opened(path)
    with file:
        if head.startswith(b"PAR1"):
            from scalelab.laws.reading.parquet import parquet

            yield parquet(file, name)
        elif head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"{", b"["):
            from scalelab.laws.reading.json_lines import json_lines

            yield json_lines(as_text(file, head, name), name)
        else:
            from scalelab.laws.reading.curve_exports import is_curve_export, runs_of_curves

            sheet = delimited(as_text(file, head, name), name)
            yield runs_of_curves(sheet, name) if is_curve_export(sheet.headings) else sheet
