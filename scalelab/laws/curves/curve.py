"""One run's losses with the schedule that made them, and how they become rows of a regression.

Knows how a curve is cut and thinned, not what is fitted to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.curves.annealing import annealing_area, area
from scalelab.laws.runs import OF_NO_UNIT, Array, Mask

TRANSIENT = 0.1
"""Share of the area seen so far that is left out at the start: the first steps follow no power law."""
MOST_ROWS = 160
"""Rows of one curve: more are means of neighbours."""
MOST_PARTS = 512
"""Parts of a schedule that are looked at: finer changes S1 and S2 by parts in a thousand."""
ROUNDING = 1e-9
"""S2 under this share of the run's length at the peak is none."""
NOTHING = np.empty(0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """A run, finished or under way."""

    positions: Array
    """Steps or tokens at which the losses stand, rising; the middle of the span where a loss is a mean over one."""
    losses: Array
    """Training loss, nats a token; gaps as NaN."""
    rates: Array
    """Learning rate in equal parts of [0, until], any number of them: with one a step, the rate of every step."""
    until: float
    """Where the run ends, in the unit of `positions`."""
    spans: Array | None = None
    """Steps that each loss is a mean of; None where all are alike."""
    held_out_positions: Array = field(default_factory=lambda: NOTHING)
    held_out_losses: Array = field(default_factory=lambda: NOTHING)
    """Losses on the held-out set; they may differ from the training loss by a constant."""

    @classmethod
    def of(
        cls,
        positions: npt.ArrayLike,
        losses: npt.ArrayLike,
        rates: npt.ArrayLike,
        *,
        until: float,
        spans: npt.ArrayLike | None = None,
        held_out: tuple[npt.ArrayLike, npt.ArrayLike] = (NOTHING, NOTHING),
    ) -> Self:
        """A curve from plain sequences, sorted, without what is not finite.

        Raises
        ------
        BadInput
            Columns of unlike length, a schedule that is empty, negative or zero throughout, or losses beyond `until`.
        """
        where, what = _column(positions, "steps"), _column(losses, "losses")
        width = np.ones_like(where) if spans is None else _column(spans, "spans")
        eval_where, eval_what = _column(held_out[0], "held-out steps"), _column(held_out[1], "held-out losses")
        _check_lengths(steps=where, losses=what, spans=width)
        _check_lengths(held_out_steps=eval_where, held_out_losses=eval_what)
        _check_schedule(schedule := _column(rates, "lr"), until)
        good = np.isfinite(where) & _a_loss(what) & (where > 0) & (width > 0)
        where, what, width = where[good], what[good], width[good]
        _check_end(np.concatenate([where, eval_where]), until)
        order = np.argsort(where, kind="stable")
        sound = np.isfinite(eval_where) & _a_loss(eval_what) & (eval_where > 0)
        return cls(
            positions=where[order],
            losses=what[order],
            rates=schedule,
            until=float(until),
            spans=width[order],
            held_out_positions=eval_where[sound],
            held_out_losses=eval_what[sound],
        )

    @property
    def seen(self) -> float:
        """How far the run has come, in the unit of `positions`."""
        return float(max(self.positions.max(initial=0.0), self.held_out_positions.max(initial=0.0)))

    @property
    def warm_from(self) -> float:
        """Where the warm-up is over: the end of the first part with the highest rate."""
        return (int(np.argmax(self.rates)) + 1) * self.until / len(self.rates)

    def areas(self, at: Array, memories: Array, peak: float) -> tuple[Array, Array]:
        """S1 (n,) and S2 for each memory (n, m) at n positions, with rates as shares of `peak`."""
        rates = self._coarse / peak
        part = self.until / len(rates)
        columns = [annealing_area(rates, float(memory), part=part) for memory in memories]
        ends = np.linspace(0.0, self.until, len(rates) + 1)
        forward, *annealed = (
            np.interp(at, ends, np.concatenate(([0.0], column))) for column in (area(rates, part=part), *columns)
        )
        s2 = np.stack(annealed, axis=1)
        # A constant rate leaves the rounding of its last digit, which is no annealing to be told apart from noise.
        s2[np.abs(s2) < ROUNDING * self.until] = 0.0
        return forward, s2

    def forward(self, at: Array, peak: float) -> Array:
        """S1 alone."""
        ends = np.linspace(0.0, self.until, len(self._coarse) + 1)
        total = area(self._coarse / peak, part=self.until / len(self._coarse))
        found: Array = np.interp(at, ends, np.concatenate(([0.0], total)))
        return found

    @property
    def _coarse(self) -> Array:
        """The schedule in at most `MOST_PARTS` parts, with the areas that it had."""
        if len(self.rates) <= MOST_PARTS:
            return self.rates
        ends = np.linspace(0.0, len(self.rates), MOST_PARTS + 1)
        total = np.interp(ends, np.arange(len(self.rates) + 1), np.concatenate(([0.0], np.cumsum(self.rates))))
        return np.diff(total) * (MOST_PARTS / len(self.rates))

    def thinned(self, keep: npt.NDArray[np.bool_]) -> tuple[Array, Array, Array]:
        """(positions, losses, weights) of the kept losses, at most `MOST_ROWS`: means of equally many neighbours."""
        spans = np.ones_like(self.positions) if self.spans is None else self.spans
        where, what, width = self.positions[keep], self.losses[keep], spans[keep]
        size = -(-len(where) // MOST_ROWS)
        if size <= 1:
            return where, what, width
        starts = np.arange(0, len(where), size)
        weight = np.add.reduceat(width, starts)
        return (np.add.reduceat(where * width, starts) / weight, np.add.reduceat(what * width, starts) / weight, weight)


def _a_loss(values: Array) -> Mask:
    """Which are numbers that a loss can be, in any unit."""
    found: Mask = (values > 1.0 / OF_NO_UNIT) & (values < OF_NO_UNIT)
    return found


def _column(values: npt.ArrayLike, name: str) -> Array:
    try:
        column = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise BadInput(f"{name} are not numbers") from None
    if column.ndim != 1:
        raise BadInput(f"{name} have {column.ndim} dimensions", allowed="one row of numbers")
    return column


def _check_lengths(**columns: Array) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in lengths.items())
        raise BadInput(f"a curve has {told}", allowed="one of each for every loss")


def _check_schedule(rates: Array, until: float) -> None:
    if not (np.isfinite(until) and until > 0):
        raise BadInput(f"the run is to end at {until:g}", allowed="a positive number of steps or tokens")
    if not rates.size or not np.isfinite(rates).all() or (rates < 0).any():
        raise BadInput("lr has no entries or some that are no rate", allowed="zero or more, up to the end of the run")
    if not rates.any():
        raise BadInput("the learning rate is zero throughout: nothing is learned")


def _check_end(positions: Array, until: float) -> None:
    last = positions[np.isfinite(positions)].max(initial=0.0)
    if last > until * (1 + 1e-9):
        raise BadInput(f"losses up to {last:g} of a run that ends at {until:g}", todo="give `until` in the same unit")
