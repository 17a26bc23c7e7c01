"""Which rows of a sheet are read: an expression or exact texts, bound to the columns of that sheet.

A row whose N, D, loss or C cannot be read is let through: it is then refused with its reason, not silently unchosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.reading.cells import as_text, loose_number
from scalelab.laws.reading.columns import Columns, heading_at, listed, product_of
from scalelab.laws.reading.headings import NATS_PER_BIT, quantity_of
from scalelab.laws.reading.where.grammar import parse
from scalelab.laws.reading.where.parts import Numbers, Rows, Truths
from scalelab.laws.runs import RunTable

Where = str | Sequence[str] | Mapping[str, str] | None
"""An expression; several, all of which must hold; heading → exact text; or all rows."""
QUANTITIES = ("n_params", "n_tokens", "loss", "flops")
_BARE = re.compile(r"""([^=<>!]+?)\s*=\s*([^=<>!()'"`]*)""")
"""HEADING=TEXT, where the text is written without quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chooser:
    """Conditions on the rows of one sheet."""

    conditions: tuple[Callable[[Rows], Truths], ...]
    """All of them must hold."""
    columns: frozenset[int]
    """Positions they look at."""
    quantities: frozenset[str]
    """Quantities they look at."""
    found: Columns

    def keep(self, cells: list[list[Any]]) -> Truths:
        """Which of these rows are read."""
        block = _Block(cells, self.found)
        keep = np.ones(len(cells), dtype=bool)
        for condition in self.conditions:
            keep &= condition(block)
        for quantity in self.quantities:
            keep |= ~np.isfinite(block.numbers(quantity))
        return keep


def chooser_for(headings: Sequence[str], found: Columns, where: Where) -> Chooser | None:
    """The conditions bound to a sheet's columns; None where all rows are read.

    Raises
    ------
    BadInput
        No such column, or no expression.
    """
    if not where:
        return None
    columns: set[int] = set()
    quantities: set[str] = set()
    taken = {at: quantity for quantity, at in found.index.items() if quantity in QUANTITIES}

    def resolve(name: str) -> int | str | None:
        place = _place(name, headings, found)
        if isinstance(place, int):
            columns.add(place)
        quantity = place if isinstance(place, str) else taken.get(place) if place is not None else None
        if quantity is not None:
            quantities.add(quantity)
        return place

    known = listed(headings)
    if isinstance(where, Mapping):
        conditions = [_exact(name, text, headings, columns) for name, text in where.items()]
    else:
        texts = [where] if isinstance(where, str) else where
        conditions = [_condition(text, resolve, headings, known, columns, taken) for text in texts]
    return Chooser(
        conditions=tuple(conditions), columns=frozenset(columns), quantities=frozenset(quantities), found=found
    )


def _place(name: str, headings: Sequence[str], found: Columns) -> int | str | None:
    """A heading as it stands, else N, D, C or the loss by any of its names, else a heading spelled otherwise."""
    if name.strip() in headings:
        return heading_at(headings, name)
    quantity = quantity_of(name)
    if quantity in QUANTITIES and (quantity in found.index or quantity != "loss"):
        return quantity
    if quantity in found.index:
        return found.index[quantity]
    return heading_at(headings, name)


def _condition(
    text: str,
    resolve: Callable[[str], int | str | None],
    headings: Sequence[str],
    known: str,
    columns: set[int],
    taken: Mapping[int, str],
) -> Callable[[Rows], Truths]:
    """An expression; where it is none, HEADING=TEXT with the text as it stands: series=rw-base, kind=a."""
    try:
        return parse(text, resolve, known)
    except BadInput:
        bare = _BARE.fullmatch(text.strip())
        at = heading_at(headings, bare[1].strip("`\"'")) if bare else None
        if bare is None or at is None or at in taken:
            raise
        return _exact(headings[at], bare[2], headings, columns)


def _exact(name: str, wanted: str, headings: Sequence[str], columns: set[int]) -> Callable[[Rows], Truths]:
    """Rows with exactly this text in a column."""
    at = heading_at(headings, name)
    if at is None:
        raise BadInput(f"no column {name[:60]!r} to choose rows by", allowed=listed(headings))
    columns.add(at)
    return lambda rows: np.array([cell == wanted for cell in rows.texts(at)], dtype=bool)


class _Block:
    """Some rows of a sheet, as the conditions see them."""

    def __init__(self, cells: list[list[Any]], found: Columns) -> None:
        self.cells, self.found = cells, found

    def __len__(self) -> int:
        return len(self.cells)

    def texts(self, column: int | str) -> list[str]:
        at = self.found.index[column] if isinstance(column, str) else column
        return [as_text(row[at]) for row in self.cells]

    def numbers(self, column: int | str) -> Numbers:
        if isinstance(column, str):
            return self._quantity(column)
        try:
            return np.array(list(map(float, map(itemgetter(column), self.cells))))
        except (ValueError, TypeError, OverflowError):
            return np.array([loose_number(row[column]) for row in self.cells])

    def _quantity(self, name: str) -> Numbers:
        """N, D, C or the loss in its own unit, from the others where it has no column."""
        with np.errstate(all="ignore"):
            if name in self.found.index:
                values = self.numbers(self.found.index[name]) * self.found.scale.get(name, 1.0)
                if name == "loss" and self.found.unit != "nats":
                    return np.log(values) if self.found.unit == "ln" else values * NATS_PER_BIT
                return values
            factors = product_of(self.found.index) if name == "n_tokens" else None
            if factors:
                return self._quantity(factors[0]) * self._quantity(factors[1])
            if name == "flops":
                return 6.0 * self._quantity("n_params") * self._quantity("n_tokens")
            other = "n_tokens" if name == "n_params" else "n_params"
            return self._quantity("flops") / (6.0 * self._quantity(other))


def choose(runs: RunTable, where: Where) -> RunTable:
    """The runs of a table for which a condition holds; a note says how many were not chosen.

    Names: n_params, n_tokens, loss, flops (N, D, L, C), run_id, cluster, unique_tokens, lr_share, weight, and the
    other counts of N.

    Raises
    ------
    BadInput
        No expression of these columns, or no run left.
    """
    from dataclasses import replace

    columns = _columns_of(runs)
    headings = list(columns)
    found = Columns(index={name: i for i, name in enumerate(headings)}, unit="nats", notes=(), count_name="")
    chooser = chooser_for(headings, found, where)
    if chooser is None or len(runs) == 0:
        return runs
    keep = chooser.keep([list(row) for row in zip(*columns.values(), strict=True)])
    if not keep.any():
        raise BadInput(f"none of the {len(runs)} runs is chosen by --where")
    note = f"{int((~keep).sum())} runs not chosen"
    return runs if keep.all() else replace(runs.take(keep), notes=(*runs.notes, note))


def _columns_of(runs: RunTable) -> dict[str, list[Any]]:
    """A table's columns by name."""
    columns: dict[str, list[Any]] = {
        "run_id": list(runs.run_id), "n_params": runs.n_params.tolist(), "n_tokens": runs.n_tokens.tolist(),
        "loss": runs.loss.tolist(), "flops": runs.compute.tolist(),
    }  # fmt: skip
    for name in ("unique_tokens", "lr_share", "weight"):
        if (column := getattr(runs, name)) is not None:
            columns[name] = column.tolist()
    if runs.cluster is not None:
        columns["cluster"] = list(runs.cluster)
    return columns | {name: column.tolist() for name, column in runs.counts.items()}
