"""The table that every fit starts from: finished runs as columns, and beside them what was left out and why.

Knows numpy only: not where the runs came from (a lab, a file), nor which law will be fitted to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.units import format_count

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
OF_NO_UNIT = 1e6
"""A loss above this, or below its inverse, is in no unit that a loss is told in."""
OF_NO_SIZE = 1e60
"""Compute beyond this, or below its inverse, is nobody's: ten times as much of it must still be a float."""
NUMBERS = ("n_params", "n_tokens", "loss", "flops", "weight", "unique_tokens")
"""Columns of which every entry must be a positive number."""
SHOWN_EXCLUSIONS = 10_000
"""Exclusions kept one by one: a file of a million bad rows must not become a million records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """One run that is not a point of the fit."""

    run: str
    """Its name, or "" where it has none."""
    reason: str
    line: int | None = None
    """Line of the file it came from, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunTable:
    """Finished, annealed runs as columns of one length; whatever is here enters the fit."""

    run_id: tuple[str, ...]
    n_params: Array
    """N, parameters."""
    n_tokens: Array
    """D, training tokens."""
    loss: Array
    """Nats a token on one held-out set."""
    flops: Array | None = None
    """C, training FLOPs; None where nobody measured them (then 6·N·D serves)."""
    cluster: tuple[str, ...] | None = None
    """Runs that share a trunk share a name here."""
    weight: Array | None = None
    """Relative precision, 1/variance of the log loss; None weighs all alike."""
    unique_tokens: Array | None = None
    """Tokens before the first repetition; only laws of repeated data look at it."""
    lr_share: Array | None = None
    """Learning rate at the end as a share of its peak: near 1 where nothing was annealed."""
    counts: Mapping[str, Array] = field(default_factory=dict)
    """Other counts of N by name ("n_blocks", "n_total"), for `recounted`."""
    excluded: tuple[Exclusion, ...] = ()
    """What was left out, at most 10,000 of them."""
    n_excluded: int = 0
    """How many were left out in all."""
    count_name: str = "n_params"
    """Which count of N this is: "n_params", "n_blocks", "n_total", or the name of the file's column."""
    notes: tuple[str, ...] = ()
    """What a reader guessed, converted or found odd, one sentence each."""

    def __post_init__(self) -> None:
        """Columns of unlike length are a mistake of the caller, told at once."""
        columns = {name: getattr(self, name) for name in (*NUMBERS, "lr_share", "cluster")} | dict(self.counts)
        for name, column in columns.items():
            if column is not None and len(column) != len(self.run_id):
                raise ValueError(f"{name} has {len(column)} entries for {len(self.run_id)} runs")

    def __len__(self) -> int:
        """Runs that enter the fit."""
        return len(self.run_id)

    @property
    def compute(self) -> Array:
        """C of every run: as measured, else 6·N·D."""
        with np.errstate(over="ignore", under="ignore"):
            return self.flops if self.flops is not None else 6.0 * self.n_params * self.n_tokens

    def take(self, which: npt.NDArray[Any]) -> RunTable:
        """The runs at a boolean mask or at indices, in that order; the rest is not counted as excluded."""
        index = np.flatnonzero(which) if which.dtype == bool else which

        def cut(column: Array | None) -> Array | None:
            return None if column is None else column[index]

        return replace(
            self,
            run_id=tuple(self.run_id[i] for i in index),
            n_params=self.n_params[index],
            n_tokens=self.n_tokens[index],
            loss=self.loss[index],
            flops=cut(self.flops),
            cluster=None if self.cluster is None else tuple(self.cluster[i] for i in index),
            weight=cut(self.weight),
            unique_tokens=cut(self.unique_tokens),
            lr_share=cut(self.lr_share),
            counts={name: column[index] for name, column in self.counts.items()},
        )

    def recounted(self, name: str) -> RunTable:
        """The same runs with another count of N; C stays what it was.

        Raises
        ------
        BadInput
            The runs do not carry that count.
        """
        if name == self.count_name:
            return self
        if name not in self.counts:
            known = ", ".join(dict.fromkeys((self.count_name, *self.counts)))
            raise BadInput(f"the runs carry no count of N named {name[:60]!r}", allowed=known)
        others = {key: column for key, column in self.counts.items() if key != name}
        return replace(
            self,
            n_params=self.counts[name],
            flops=self.compute,
            counts={**others, self.count_name: self.n_params},
            count_name=name,
        )


def run_table(
    *,
    n_params: Sequence[float] | Array,
    n_tokens: Sequence[float] | Array,
    loss: Sequence[float] | Array,
    run_id: Sequence[str] | None = None,
    flops: Sequence[float] | Array | None = None,
    cluster: Sequence[str] | None = None,
    weight: Sequence[float] | Array | None = None,
    unique_tokens: Sequence[float] | Array | None = None,
    lr_share: Sequence[float] | Array | None = None,
    counts: Mapping[str, Sequence[float] | Array] | None = None,
    excluded: Sequence[Exclusion] = (),
    count_name: str = "n_params",
    notes: Sequence[str] = (),
) -> RunTable:
    """A table from plain sequences; rows that cannot be points are excluded, each with its reason.

    Raises ValueError where the columns differ in length.
    """
    names = tuple(run_id) if run_id is not None else tuple(f"run-{i + 1}" for i in range(len(loss)))
    table = RunTable(
        run_id=names,
        n_params=np.asarray(n_params, dtype=float),
        n_tokens=np.asarray(n_tokens, dtype=float),
        loss=np.asarray(loss, dtype=float),
        flops=None if flops is None else np.asarray(flops, dtype=float),
        cluster=None if cluster is None else tuple(cluster),
        weight=None if weight is None else np.asarray(weight, dtype=float),
        unique_tokens=None if unique_tokens is None else np.asarray(unique_tokens, dtype=float),
        lr_share=None if lr_share is None else np.asarray(lr_share, dtype=float),
        counts={name: np.asarray(column, dtype=float) for name, column in (counts or {}).items()},
        excluded=tuple(excluded),
        n_excluded=len(excluded),
        count_name=count_name,
        notes=tuple(notes),
    )
    return without_impossible(table)


def without_impossible(table: RunTable) -> RunTable:
    """The table without rows whose N, D, loss, C or weight is not positive and finite: a diverged run is no point."""
    good = np.ones(len(table), dtype=bool)
    reasons: dict[int, str] = {}
    for name in NUMBERS:
        column = getattr(table, name)
        if column is None:
            continue
        bad = ~(np.isfinite(column) & (column > 0))
        if name == "loss":
            bad |= (column < 1 / OF_NO_UNIT) | (column > OF_NO_UNIT)
        good &= ~bad
        for i in np.flatnonzero(bad)[:SHOWN_EXCLUSIONS]:
            reasons.setdefault(int(i), f"{name} is {column[i]:g}: not a sensible positive number")
    odd = good & ~((table.compute > 1 / OF_NO_SIZE) & (table.compute < OF_NO_SIZE))
    good &= ~odd
    for i in np.flatnonzero(odd)[:SHOWN_EXCLUSIONS]:
        reasons[int(i)] = f"its compute is {table.compute[i]:g}: no sensible number of FLOPs"
    if good.all():
        return table
    new = [Exclusion(run=table.run_id[i], reason=reason) for i, reason in sorted(reasons.items())]
    kept = table.take(good)
    return replace(
        kept,
        excluded=(*table.excluded, *new)[:SHOWN_EXCLUSIONS],
        n_excluded=table.n_excluded + int((~good).sum()),
    )


def check_spread(table: RunTable) -> None:
    """Refuse, in words, a table from which no law of N and D can be read."""
    if len(table) == 0:
        raise BadInput("no finished runs to fit", todo="train some, or see why each was left out")
    for name, column in (("n_params", table.n_params), ("n_tokens", table.n_tokens)):
        if np.ptp(np.log(column)) < 1e-6:
            raise BadInput(
                f"{_all(table)} {name} = {format_count(float(column[0]), 4)}: its exponent cannot be seen",
                todo=f"add a run with another {name}",
            )
    if np.ptp(np.log(table.loss)) < 1e-9:
        raise BadInput(f"{_all(table)} loss {table.loss[0]:.6g}: there is nothing to fit")


def _all(table: RunTable) -> str:
    return f"all {len(table)} runs have" if len(table) > 1 else "the only run has"
