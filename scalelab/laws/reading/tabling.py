"""Rows taken → the RunTable of a fit: repeated rows out, missing columns derived, oddities noted. Knows no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.reading.columns import COUNT, Columns
from scalelab.laws.reading.taking import NUMBERS, Plan, Taken, columns_of
from scalelab.laws.runs import Array, RunTable

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
    values = np.column_stack([columns[name] for name in NUMBERS if name in columns])
    lines = np.concatenate(taken.lines) if taken.lines else np.empty(0)
    first = _first_of_each(values, _keys(taken, found))
    repeats = np.flatnonzero(first != np.arange(len(first)))
    for row in repeats:
        line = lines[row]
        of = f"line {lines[first[row]]:.0f}" if line == line else taken.names[first[row]]
        taken.refuse(taken.names[row], f"repeats {of}", int(line) if line == line else None)
    kept = np.delete(np.arange(len(first)), repeats)
    if len(kept) == 0:
        _refuse_all(taken, path)
    column = {name: whole[kept] for name, whole in columns.items()} if len(repeats) else columns
    n, d = _both(column)
    table = RunTable(
        run_id=tuple(taken.names[i] for i in kept) if len(repeats) else tuple(taken.names),
        n_params=n, n_tokens=d, loss=column["loss"],
        flops=column.get("flops"),
        cluster=tuple(taken.clusters[i] for i in kept) if taken.clusters else None,
        weight=column.get("weight"), unique_tokens=column.get("unique_tokens"), lr_share=column.get("lr_share"),
        counts={name: column[COUNT + name] for name in found.counts},
        excluded=tuple(sorted(taken.excluded, key=lambda item: item.line or 0)), n_excluded=taken.n_excluded,
        count_name=found.count_name, notes=(*notes, *_notes(taken, found, n, d, column.get("flops"))),
    )  # fmt: skip
    return table.recounted(found.picked) if found.picked else table


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
