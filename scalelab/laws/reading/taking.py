"""A sheet → a RunTable: good rows become points, every other row is told with its line and reason.

Streams in blocks, so that a million rows take seconds and bounded memory. Knows no file format, no lab and no law.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.reading.cells import (
    DIED,
    MOST_LOSS,
    as_text,
    loose_number,
    loss_in_nats,
    number,
    unfinished,
)
from scalelab.laws.reading.columns import COUNT, Columns, product_of
from scalelab.laws.reading.headings import NATS_PER_BIT
from scalelab.laws.reading.sheets import MOST_ROWS, Refused, Row, Sheet
from scalelab.laws.reading.where.choosing import Chooser
from scalelab.laws.runs import SHOWN_EXCLUSIONS, Array, Exclusion

BLOCK = 1_000
"""Rows read at a time: few enough to stay in the cache of a core, which is twice as fast as 20,000."""
NUMBERS = ("n_params", "n_tokens", "loss", "flops", "weight", "unique_tokens", "steps", "step_tokens", "epochs")
"""Quantities without which a row is no run."""
LONGEST_NAME = 200
Good = tuple[int | None, list[Any]]
"""A row of the right width."""


@dataclass(slots=True)
class Taken:
    """Rows taken so far, and those that were not."""

    names: list[str] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    seeds: list[str] = field(default_factory=list)
    lines: list[Array] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)
    """Blocks of (rows, required quantities)."""
    extras: list[Array] = field(default_factory=list)
    """Blocks of (rows, quantities that may be missing), NaN where they are."""
    excluded: list[Exclusion] = field(default_factory=list)
    n_excluded: int = 0
    n_filtered: int = 0

    def refuse(self, run: str, reason: str, line: int | None) -> None:
        """Count a row out, and keep the reason while there are not too many."""
        self.n_excluded += 1
        if len(self.excluded) < SHOWN_EXCLUSIONS:
            self.excluded.append(Exclusion(run=run[:LONGEST_NAME], reason=reason, line=line))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to take of each row."""

    found: Columns
    chooser: Chooser | None
    width: int
    """Cells of a whole row."""
    required: tuple[tuple[str, int, float], ...]
    """(quantity, position, factor) of what must be a positive number."""
    optional: tuple[tuple[str, int, float], ...]
    """The same of what may be missing."""

    @property
    def needed(self) -> set[int]:
        """Positions of all columns that matter."""
        places = {*self.found.index.values(), *self.found.counts.values()}
        return places | (self.chooser.columns if self.chooser else set())


def plan_for(sheet: Sheet, found: Columns, chooser: Chooser | None) -> Plan:
    """What to take of a sheet's rows."""
    index, counts, scale = found.index, found.counts, found.scale
    required = [(name, index[name], scale.get(name, 1.0)) for name in NUMBERS if name in index]
    others = [(COUNT + name, at, scale.get(COUNT + name, 1.0)) for name, at in counts.items()]
    required += [each for each in others if each[0] == COUNT + found.picked]
    optional = [each for each in others if each[0] != COUNT + found.picked]
    if "lr_share" in index:
        optional.append(("lr_share", index["lr_share"], 1.0))
    return Plan(
        found=found, chooser=chooser, width=len(sheet.headings), required=tuple(required), optional=tuple(optional)
    )


def take(sheet: Sheet, plan: Plan, path: str) -> Taken:
    """All rows of a sheet.

    Raises
    ------
    BadInput
        More rows than a table may have.
    """
    taken, seen = Taken(), 0
    rows = sheet.rows(plan.needed)
    while block := list(itertools.islice(rows, BLOCK)):
        seen += len(block)
        if seen > MOST_ROWS:
            raise BadInput(f"{path} has more than {MOST_ROWS:,} rows", todo="keep one row for each finished run")
        _take_block(block, plan, taken)
    return taken


def _take_block(block: list[Row], plan: Plan, taken: Taken) -> None:
    """Take a block of rows, those that are whole, chosen and finished."""
    rows = _whole(block, plan, taken)
    if plan.chooser is not None and rows:
        keep = plan.chooser.keep([cells for _, cells in rows])
        taken.n_filtered += len(rows) - int(keep.sum())
        rows = list(itertools.compress(rows, keep))
    if "state" in plan.found.index:
        rows = list(_finished(rows, plan, taken))
    if rows:
        _take_numbers(rows, plan, taken)


def _whole(block: list[Row], plan: Plan, taken: Taken) -> list[Good]:
    """Rows with as many cells as there are headings."""
    if all(type(cells) is list for _, cells in block) and {len(cells) for _, cells in block} == {plan.width}:
        return block  # type: ignore[return-value]  # just looked at
    rows = []
    for line, cells in block:
        if isinstance(cells, Refused):
            taken.refuse(cells.run, cells.reason, line)
        elif len(cells) != plan.width:
            taken.refuse(_name(cells, plan, line), f"{len(cells)} cells where the header has {plan.width}", line)
        else:
            rows.append((line, cells))
    return rows


def _finished(rows: list[Good], plan: Plan, taken: Taken) -> Iterator[Good]:
    """Rows whose run did not die."""
    at = plan.found.index["state"]
    for line, cells in rows:
        cell = cells[at]
        if isinstance(cell, str) and cell.strip().lower() in DIED:
            taken.refuse(_name(cells, plan, line), unfinished(cell), line)
        else:
            yield line, cells


def _take_numbers(rows: list[Good], plan: Plan, taken: Taken) -> None:
    """At once where all of it is plain numbers; else the rows that are, and a closer look at each other row."""
    values = _fast(rows, plan)
    if values is None:
        rows, values = _one_by_one(rows, plan, taken)
    _keep(rows, values, plan, taken)


def _keep(rows: list[Good], values: Array, plan: Plan, taken: Taken) -> None:
    """Keep good rows with their numbers, names and companions."""
    index = plan.found.index
    taken.values.append(values)
    taken.lines.append(np.array([np.nan if line is None else line for line, _ in rows], dtype=float))
    taken.names.extend(_names(rows, plan))
    for name, kept in (("cluster", taken.clusters), ("seed", taken.seeds)):
        if name in index:
            kept.extend(as_text(cells[index[name]])[:LONGEST_NAME] for _, cells in rows)
    if plan.optional:
        taken.extras.append(_optional(rows, plan))


def _optional(rows: list[Good], plan: Plan) -> Array:
    """(rows, optional quantities), NaN where a cell holds no number."""
    columns = []
    for _, at, factor in plan.optional:
        cells = [row[at] for _, row in rows]
        try:
            column = np.array(list(map(float, cells)))
        except (ValueError, TypeError, OverflowError):
            column = np.array([loose_number(cell) for cell in cells])
        columns.append(column * factor)
    return np.column_stack(columns) if rows else np.empty((0, len(columns)))


def _one_by_one(rows: list[Good], plan: Plan, taken: Taken) -> tuple[list[Good], Array]:
    """The good rows and their numbers; the others are refused, each with its reason."""
    places = [at for _, at, _ in plan.required]
    none = [np.nan] * len(places)
    plain = np.array([_floats(cells, places) or none for _, cells in rows])
    fine = _in_units(plain, plan)
    good, numbers = [], []
    for (line, cells), values, whole in zip(rows, plain, fine.tolist(), strict=True):
        row = values if whole else _slow(cells, plan)
        if isinstance(row, str):
            taken.refuse(_name(cells, plan, line), row, line)
        else:
            good.append((line, cells))
            numbers.append(row)
    return good, np.array(numbers, dtype=float).reshape(len(good), len(places))


def _floats(cells: list[Any], places: Sequence[int]) -> list[float] | None:
    """The numbers at some places of a row; None where one of them is none."""
    try:
        return [float(cells[at]) for at in places]
    except (ValueError, TypeError, OverflowError):
        return None


def _fast(rows: list[Good], plan: Plan) -> Array | None:
    """All numbers of a block by one conversion each column; None where any cell asks for a closer look."""
    cells = [row for _, row in rows]
    values = np.empty((len(rows), len(plan.required)))
    try:
        for i, (_, at, _) in enumerate(plan.required):
            values[:, i] = list(map(float, map(itemgetter(at), cells)))
    except (ValueError, TypeError, OverflowError):
        return None
    return values if _in_units(values, plan).all() else None


def _in_units(values: Array, plan: Plan) -> npt.NDArray[np.bool_]:
    """Turn plain numbers into ones and nats, where they stand; which rows are then those of a run."""
    with np.errstate(all="ignore"):
        for i, (name, _, factor) in enumerate(plan.required):
            if factor != 1.0:
                values[:, i] *= factor
            if name == "loss" and plan.found.unit != "nats":
                values[:, i] = np.log(values[:, i]) if plan.found.unit == "ln" else values[:, i] * NATS_PER_BIT
    loss = values[:, [name for name, _, _ in plan.required].index("loss")]
    fine: npt.NDArray[np.bool_] = (np.isfinite(values) & (values > 0)).all(axis=1) & (loss <= MOST_LOSS)
    return fine


def _slow(cells: list[Any], plan: Plan) -> list[float] | str:
    """One row's numbers, or why it is refused."""
    row = []
    for name, at, factor in plan.required:
        value = number(cells[at], name.removeprefix(COUNT))
        if isinstance(value, float):
            value = loss_in_nats(value, plan.found.unit) if name == "loss" else value * factor
        if isinstance(value, str):
            return value
        row.append(value)
    return row


def _names(rows: list[Good], plan: Plan) -> list[str]:
    """The names of whole rows; texts, which they nearly always are, at once: a million take half a second less."""
    at = plan.found.index.get("run_id")
    if at is None or not all(type(cells[at]) is str for _, cells in rows):
        return [_name(cells, plan, line) for line, cells in rows]
    return [cells[at].strip()[:LONGEST_NAME] or f"line-{line}" for line, cells in rows]


def _name(cells: Sequence[Any], plan: Plan, line: int | None) -> str:
    """A run's name: its own, or its line."""
    at = plan.found.index.get("run_id")
    own = as_text(cells[at]) if at is not None and at < len(cells) else ""
    return own[:LONGEST_NAME] or ("" if line is None else f"line-{line}")


def columns_of(taken: Taken, plan: Plan) -> Mapping[str, Array]:
    """Every number of the rows taken, by quantity, or by COUNT and the heading of a count."""
    values = np.concatenate(taken.values) if taken.values else np.empty((0, len(plan.required)))
    extras = np.concatenate(taken.extras) if taken.extras else np.empty((len(values), len(plan.optional)))
    names = [name for name, _, _ in (*plan.required, *plan.optional)]
    columns = dict(zip(names, np.column_stack([values, extras]).T, strict=True))
    if factors := product_of(plan.found.index):
        columns["n_tokens"] = columns[factors[0]] * columns[factors[1]]
    return columns
