"""Laws side by side: θ of different forms as rows of one table with the same columns, so that one step serves all.

A step of Newton's method on fifty runs is paid by the call and not by the number, so that seven laws at once cost
little more than one. Column 0 is E and column 1 is κ, held at 0 and 1 for laws without; the others follow in the
form's own order, held at 0 behind its last. Knows forms as data, no starts and no objective.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalelab.laws.forms.summed import Terms, differences_of
from scalelab.laws.runs import Array

FLOOR, OUTER, OTHERS = 0, 1, 2
ABSENT = np.array([0.0, 1.0])
"""E and κ of a law without them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """Several laws on the same runs."""

    terms: Terms
    """One row a law."""
    columns: tuple[npt.NDArray[np.intp], ...]
    """Where each law's θ stands."""
    width: int

    @classmethod
    def of(cls, laws: Sequence[tuple[int, Terms]]) -> Stack:
        """From each law's number of parameters and its terms."""
        columns = tuple(_columns(p, terms) for p, terms in laws)
        width = 1 + max(int(where.max()) for where in columns)
        k, n = max(terms.rows.shape[1] for _, terms in laws), laws[0][1].rows.shape[2]
        rows, shift = np.zeros((len(laws), width, k, n)), np.full((len(laws), k, n), -np.inf)
        for i, ((_, terms), where) in enumerate(zip(laws, columns, strict=True)):
            has = terms.rows.shape[1]
            rows[i, where, :has] = terms.rows
            shift[i, :has] = 0.0 if terms.shift is None else terms.shift
        whole = Terms(rows=rows, differences=differences_of(rows), shift=shift, floor=FLOOR, outer=OUTER)
        return cls(terms=whole, columns=columns, width=width)

    def widened(self, law: int, theta: Array) -> Array:
        """θ of one law, (…, p) → (…, width); what it does not have stands at its constant."""
        wide = np.zeros((*theta.shape[:-1], self.width))
        wide[..., : len(ABSENT)] = ABSENT
        wide[..., self.columns[law]] = theta
        return wide

    def own(self, law: int, wide: Array) -> Array:
        """The law's θ of a row: the way back."""
        return wide[..., self.columns[law]]


def _columns(p: int, terms: Terms) -> npt.NDArray[np.intp]:
    where, free = np.empty(p, dtype=np.intp), OTHERS
    for i in range(p):
        if i == terms.floor:
            where[i] = FLOOR
        elif i == terms.outer:
            where[i] = OUTER
        else:
            where[i], free = free, free + 1
    return where
