"""Runs from a CSV that anybody wrote: good rows become a RunTable, every other row is told with its line and reason.

Streams in blocks, so that a million rows take seconds and bounded memory. Knows no lab and no law.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.reading.cells import MOST_LOSS, loss_in_nats, number
from scalelab.laws.reading.columns import NATS_PER_BIT, Columns, find_columns, plain
from scalelab.laws.reading.rows import Row, check_header, opened, rows_of, shown_name
from scalelab.laws.runs import SHOWN_EXCLUSIONS, Array, Exclusion, RunTable

BLOCK = 1_000
"""Rows read at a time: few enough to stay in the cache of a core, which is twice as fast as 20,000."""
PATIENT = 64
"""Rows looked at one by one; a larger block with a bad cell is halved first."""
FAR = 3.0
"""C further from 6·N·D than this factor is worth a warning: another unit, another count."""
NUMBERS = ("n_params", "n_tokens", "loss", "flops", "weight", "unique_tokens")


@dataclass(slots=True)
class _Taken:
    """Rows taken so far, and those that were not."""

    names: list[str] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    lines: list[Array] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)
    excluded: list[Exclusion] = field(default_factory=list)
    n_excluded: int = 0
    n_filtered: int = 0

    def refuse(self, run: str, reason: str, line: int) -> None:
        """Count a row out, and keep the reason while there are not too many."""
        self.n_excluded += 1
        if len(self.excluded) < SHOWN_EXCLUSIONS:
            self.excluded.append(Exclusion(run=run, reason=reason, line=line))


def read_runs(
    path: str | os.PathLike[str],
    *,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
) -> RunTable:
    """Runs from a CSV file (comma, semicolon or tab; UTF-8).

    Parameters
    ----------
    path : file with a header line that names N, D and loss in any of the usual ways
    columns : quantity → heading, where the guess is wrong: {"n_params": "Model Size"}
    where : heading → value; only rows with exactly that text are read: {"outlier": "0"}

    Returns
    -------
    RunTable
        Good rows, in file order; `excluded` has a line number and a reason for each other row, `notes` what was
        guessed, converted or found odd.

    Raises
    ------
    BadInput
        No readable text file, no header, a needed column missing, no good row at all.
    """
    shown_path = shown_name(path)
    with opened(Path(path), shown_path) as stream:
        rows = rows_of(stream, shown_path)
        header = next(rows, (0, []))[1]
        check_header(header, shown_path)
        found = find_columns(header, columns)
        keep = _filters(header, where or {})
        taken = _Taken()
        while block := list(itertools.islice(rows, BLOCK)):
            _take(block, found, keep, len(header), taken)
    return _table(taken, found, shown_path)


def _filters(header: Sequence[str], where: Mapping[str, str]) -> list[tuple[int, str]]:
    """(position, wanted text) of each filter."""
    names = [plain(name) for name in header]
    found = []
    for name, wanted in where.items():
        if plain(name) not in names:
            raise BadInput(f"no column {name[:60]!r} to choose rows by", allowed=", ".join(header)[:300])
        found.append((names.index(plain(name)), wanted))
    return found


def _take(block: list[Row], found: Columns, keep: list[tuple[int, str]], width: int, taken: _Taken) -> None:
    """Take a block of rows, those that the filters keep."""
    if keep:
        before = len(block)
        block = [row for row in block if all(at < len(row[1]) and row[1][at].strip() == text for at, text in keep)]
        taken.n_filtered += before - len(block)
    quantities = [name for name in NUMBERS if name in found.index]
    _take_numbers(block, found, quantities, width, taken)


def _take_numbers(block: list[Row], found: Columns, quantities: Sequence[str], width: int, taken: _Taken) -> None:
    """At once where all of it is plain numbers; else its halves, and at last row by row."""
    values = _fast(block, found, quantities, width)
    if values is None and len(block) > PATIENT:
        middle = len(block) // 2
        _take_numbers(block[:middle], found, quantities, width, taken)
        _take_numbers(block[middle:], found, quantities, width, taken)
        return
    if values is None:
        block, values = _one_by_one(block, found, quantities, width, taken)
    taken.values.append(values)
    taken.lines.append(np.array([line for line, _ in block], dtype=float))
    taken.names.extend(_name(cells, found, line) for line, cells in block)
    if "cluster" in found.index:
        taken.clusters.extend(cells[found.index["cluster"]] for _, cells in block)


def _one_by_one(
    block: list[Row], found: Columns, quantities: Sequence[str], width: int, taken: _Taken
) -> tuple[list[Row], Array]:
    """The good rows and their numbers; the others are refused, each with its reason."""
    good, numbers = [], []
    for line, cells in block:
        row = _slow(cells, found, quantities, width)
        if isinstance(row, str):
            taken.refuse(_name(cells, found, line), row, line)
        else:
            good.append((line, cells))
            numbers.append(row)
    return good, np.array(numbers, dtype=float).reshape(len(good), len(quantities))


def _fast(block: list[Row], found: Columns, quantities: Sequence[str], width: int) -> Array | None:
    """All numbers of a block by one conversion each column; None where any cell asks for a closer look."""
    rows = [cells for _, cells in block]
    if set(map(len, rows)) != {width}:
        return None
    try:
        values = np.column_stack([list(map(float, map(itemgetter(found.index[name]), rows))) for name in quantities])
    except ValueError:
        return None
    loss = values[:, quantities.index("loss")]
    if found.unit != "nats":
        with np.errstate(all="ignore"):
            loss[:] = np.log(loss) if found.unit == "ln" else loss * NATS_PER_BIT
    fine = np.isfinite(values).all() and (values > 0).all() and (loss <= MOST_LOSS).all()
    return values if fine else None


def _slow(cells: list[str], found: Columns, quantities: Sequence[str], width: int) -> list[float] | str:
    """One row's numbers, or why it is refused."""
    if len(cells) != width:
        return f"{len(cells)} cells where the header has {width}"
    row = []
    for name in quantities:
        value = number(cells[found.index[name]], name)
        if isinstance(value, float) and name == "loss":
            value = loss_in_nats(value, found.unit)
        if isinstance(value, str):
            return value
        row.append(value)
    return row


def _name(cells: list[str], found: Columns, line: int) -> str:
    """A run's name: its own, or its line."""
    at = found.index.get("run_id")
    own = cells[at].strip() if at is not None and at < len(cells) else ""
    return own[:200] or f"line-{line}"


def _table(taken: _Taken, found: Columns, path: str) -> RunTable:
    """The rows as a table, duplicates out, oddities noted."""
    quantities = [name for name in NUMBERS if name in found.index]
    values = np.concatenate(taken.values) if taken.values else np.empty((0, len(quantities)))
    lines = np.concatenate(taken.lines) if taken.lines else np.empty(0)
    first = _first_of_each(values, taken.names if "run_id" in found.index else None)
    for row in np.flatnonzero(first != np.arange(len(first))):
        taken.refuse(taken.names[row], f"repeats line {lines[first[row]]:.0f}", int(lines[row]))
    kept = np.flatnonzero(first == np.arange(len(first)))
    if len(kept) == 0:
        _refuse_all(taken, path)
    column = {name: values[kept, i] for i, name in enumerate(quantities)}
    n, d = _both(column)
    notes = [*found.notes, *_odd_compute(n, d, column.get("flops"))]
    if taken.n_filtered:
        notes.append(f"{taken.n_filtered} rows not chosen")
    return RunTable(
        run_id=tuple(taken.names[i] for i in kept),
        n_params=n, n_tokens=d, loss=column["loss"],
        flops=column.get("flops"),
        cluster=tuple(taken.clusters[i] for i in kept) if taken.clusters else None,
        weight=column.get("weight"), unique_tokens=column.get("unique_tokens"),
        excluded=tuple(sorted(taken.excluded, key=lambda item: item.line or 0)), n_excluded=taken.n_excluded,
        count_name=found.count_name, notes=tuple(notes),
    )  # fmt: skip


def _both(column: Mapping[str, Array]) -> tuple[Array, Array]:
    """N and D, one of them from C where its column is missing."""
    if "n_tokens" not in column:
        return column["n_params"], column["flops"] / (6.0 * column["n_params"])
    if "n_params" not in column:
        return column["flops"] / (6.0 * column["n_tokens"]), column["n_tokens"]
    return column["n_params"], column["n_tokens"]


def _refuse_all(taken: _Taken, path: str) -> None:
    if not taken.n_excluded:
        why = "every row was filtered away" if taken.n_filtered else "it has a header and no rows"
        raise BadInput(f"no run in {path}: {why}")
    first = min(taken.excluded, key=lambda item: item.line or 0)
    raise BadInput(
        f"no good row among {taken.n_excluded} in {path}: line {first.line}, {first.reason}",
        allowed="numbers above 0 for n_params, tokens, loss in nats a token",
    )


def _first_of_each(values: Array, names: list[str] | None) -> npt.NDArray[np.intp]:
    """For every row the first row with the same numbers (and the same name, where rows have names)."""
    first = np.arange(len(values))
    if len(values) < 2:
        return first
    order = np.lexsort((first, *values.T))
    same = (np.diff(values[order], axis=0) == 0).all(axis=1)
    seen: dict[str, int] = {}
    last = -2
    for at in np.flatnonzero(same).tolist():
        earlier, later = int(order[at]), int(order[at + 1])
        if at != last + 1:  # another group of equal numbers
            seen = {names[earlier] if names else "": earlier}
        last = at
        first[later] = seen.setdefault(names[later] if names else "", later)
    return first


def _odd_compute(n: Array, d: Array, flops: Array | None) -> list[str]:
    """A warning where C is far from 6·N·D."""
    if flops is None:
        return []
    ratio = flops / (6.0 * n * d)
    far = (ratio > FAR) | (ratio < 1.0 / FAR)
    if not far.any():
        return []
    return [
        f"flops are far from 6 · n_params · tokens in {int(far.sum())} of {len(n)} rows (median ratio "
        f"{float(np.median(ratio)):.3g}): another unit, or another count of N?"
    ]
