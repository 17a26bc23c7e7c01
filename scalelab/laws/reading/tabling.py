"""Rows taken → the RunTable of a fit: repeated rows out, missing columns derived, oddities noted. Knows no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.reading.columns import COUNT, Columns
from scalelab.laws.reading.taking import NUMBERS, Plan, Taken, columns_of
from scalelab.laws.runs import OF_NO_SIZE, OF_NO_UNIT, Array, RunTable

FAR = 3.0
"""C further from 6·N·D than this factor is worth a warning: another unit, another count."""
SMALL = 1_000.0
"""Parameters or tokens below which a column is rather written in millions than in ones."""


def tabled(taken: Taken, plan: Plan, path: str, notes: Sequence[str] = ()) -> RunTable:
    """The rows as a table.

    Raises
    ------
    BadInput
        No good row at all.
    """
    found, columns = plan.found, columns_of(taken, plan)
    lines = np.concatenate(taken.lines) if taken.lines else np.empty(0)
    first = _first_of_each(np.column_stack([columns[name] for name in NUMBERS if name in columns]), _keys(taken, found))
    kept = np.ones(len(lines), dtype=bool)
    for row, reason in (*_impossible(columns), *_repeats(first, lines, taken)):
        if kept[row]:
            taken.refuse(taken.names[row], reason, int(lines[row]) if lines[row] == lines[row] else None)
        kept[row] = False
    if not kept.any():
        _refuse_all(taken, path)
    rows = np.flatnonzero(kept)
    column = columns if kept.all() else {name: whole[kept] for name, whole in columns.items()}
    n, d = _both(column)
    counts = {name: column[COUNT + name] for name in found.counts}
    whole = {name: count for name, count in counts.items() if np.isfinite(count).all() and (count > 0).all()}
    table = RunTable(
        run_id=tuple(taken.names) if kept.all() else tuple(taken.names[i] for i in rows),
        n_params=n, n_tokens=d, loss=column["loss"],
        flops=column.get("flops"),
        notes=(*notes, *_notes(taken, found, n, d, column.get("flops")), *_partial(counts, whole)),
        cluster=tuple(taken.clusters[i] for i in rows) if taken.clusters else None,
        weight=column.get("weight"), unique_tokens=column.get("unique_tokens"), lr_share=column.get("lr_share"),
        counts=whole,
        excluded=tuple(sorted(taken.excluded, key=lambda item: item.line or 0)), n_excluded=taken.n_excluded,
        count_name=found.count_name,
    )  # fmt: skip
    return table.recounted(found.picked) if found.picked else table


def _impossible(columns: Mapping[str, Array]) -> Iterator[tuple[int, str]]:
    """Rows whose numbers are each fine and together nobody's: (row, reason)."""
    with np.errstate(all="ignore"):
        n, d = _both(columns)
        compute = columns["flops"] if "flops" in columns else 6.0 * n * d
        bad = ~((compute > 1 / OF_NO_SIZE) & (compute < OF_NO_SIZE)) | ~(np.isfinite(n * d) & (n * d > 0))
    for row in np.flatnonzero(bad).tolist():
        yield row, f"its compute is {compute[row]:g}: no sensible number of FLOPs"
    for row in np.flatnonzero(~bad & (columns["loss"] < 1 / OF_NO_UNIT)).tolist():
        yield row, f"loss is {columns['loss'][row]:g}: not a sensible positive number"


def _repeats(first: npt.NDArray[np.intp], lines: Array, taken: Taken) -> Iterator[tuple[int, str]]:
    """Rows that stood there before: (row, reason)."""
    for row in np.flatnonzero(first != np.arange(len(first))).tolist():
        line = lines[first[row]]
        yield row, f"repeats line {line:.0f}" if line == line else f"repeats {taken.names[first[row]]}"


def _keys(taken: Taken, found: Columns) -> list[str] | None:
    """What tells two rows of equal numbers apart: names and seeds, where there are any."""
    if "seed" not in found.index:
        return taken.names if "run_id" in found.index else None
    if "run_id" not in found.index:
        return taken.seeds
    return [f"{name}\0{seed}" for name, seed in zip(taken.names, taken.seeds, strict=True)]


def _both(column: Mapping[str, Array]) -> tuple[Array, Array]:
    """N and D, one of them from C where its column is missing."""
    if "n_tokens" not in column:
        return column["n_params"], column["flops"] / (6.0 * column["n_params"])
    if "n_params" not in column:
        return column["flops"] / (6.0 * column["n_tokens"]), column["n_tokens"]
    return column["n_params"], column["n_tokens"]


def _refuse_all(taken: Taken, path: str) -> None:
    if not taken.n_excluded:
        why = "every row was filtered away" if taken.n_filtered else "it has a header and no rows"
        raise BadInput(f"no run in {path}: {why}")
    first = min(taken.excluded, key=lambda item: item.line or 0)
    where = f"line {first.line}" if first.line is not None else first.run[:60]
    raise BadInput(
        f"no good row among {taken.n_excluded} in {path}: {where}, {first.reason}",
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


def _notes(taken: Taken, found: Columns, n: Array, d: Array, flops: Array | None) -> tuple[str, ...]:
    """What was guessed, and what looks odd."""
    notes = [*found.notes, *_odd_compute(n, d, flops)]
    for name, column in (("n_params", n), ("tokens", d)):
        middle = float(np.median(column))
        if middle < SMALL:
            notes.append(f"half of the {name} are below {middle:.3g}: written in millions or billions?")
    if taken.n_filtered:
        notes.append(f"{taken.n_filtered} rows not chosen")
    return tuple(notes)


def _partial(counts: Mapping[str, Array], whole: Mapping[str, Array]) -> list[str]:
    """Counts of N that some runs lack: laws by them would be of other runs, so they do not come along."""
    return [
        f"column {name!r} counts N in {int((np.isfinite(count) & (count > 0)).sum())} of {len(count)} runs: "
        "--count takes it, and leaves the others out"
        for name, count in counts.items()
        if name not in whole
    ]


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
