"""The rolling back-test: every law refitted without the most expensive runs, at several cuts, in one batch.

Runs weigh as the root of their compute here and in what predicts: a law is wrong everywhere a little, and what is to
be told lies beyond the largest runs. On public tables that lowers the error of every form (`python -m
tests.benchmarks splits`); the parameters that are reported come from the plain fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scalelab.laws.choice.holdout import Held, by_cost, held_masks
from scalelab.laws.choice.panel import Member
from scalelab.laws.choice.repeats import with_fresh_tokens
from scalelab.laws.fits import LARGEST, Fit
from scalelab.laws.fitting.fitter import SPARE_RUNS, floats, inputs_of, weights_of
from scalelab.laws.fitting.newton import minimise
from scalelab.laws.fitting.table import Law, Table, together
from scalelab.laws.intervals.delta import covariance
from scalelab.laws.runs import Array, Mask, RunTable

MOST_RUNS = 4_096
"""More tell no better which law misses how far, and a million of them take half a minute."""
SHARES = (0.1, 0.2, 0.3, 0.4)
"""Of the runs, the most expensive ones, held back in turn."""
POWER_OF_COMPUTE = 0.5
"""Weights go as C to this."""
USUAL, WRONG = 8.0, 16.0
"""Distances from the plain fit, in robust scales: up to the first a run counts whole, from the second on not at all."""
ROUGH, STEPS = 1e-4, 6
"""Relative decrease and number of steps that suffice from the plain fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTest:
    """One law on the runs it did not see."""

    member: Member
    """The law on all runs, weighted by compute: what predicts."""
    cuts: tuple[Mask, ...]
    """What was held back at each cut, largest share last, without runs of no weight; empty where nothing could be."""
    misses: tuple[Array, ...]
    """Ln predicted − ln observed on those runs."""
    held: Mapping[Held, tuple[Mask, Array]]
    """The same for the largest run and the largest budget, where enough remains."""

    @property
    def error(self) -> float | None:
        """Mean |miss| over the cuts; None where nothing was held back."""
        return float(np.mean([np.abs(miss).mean() for miss in self.misses])) if self.misses else None

    @property
    def rms(self) -> float | None:
        """Root mean square miss over the cuts."""
        return float(np.sqrt(np.mean([(miss**2).mean() for miss in self.misses]))) if self.misses else None


def leaning(runs: RunTable) -> Array:
    """Weights of the runs, mean one: their own, times the root of compute."""
    weight: Array = weights_of(runs) * (runs.compute / runs.compute.max()) ** POWER_OF_COMPUTE
    weight /= weight.mean()
    return weight


def trust(far: Array) -> Array:
    """Share of each run's weight from its distance to a plain fit in robust scales: whole up to `USUAL`, none from
    `WRONG` on.

    Huber's loss bounds what a wrong run does, but not enough where that run is the largest and weighs most.
    """
    share: Array = np.clip((WRONG - far) / (WRONG - USUAL), 0.0, 1.0)
    return share


def cuts(runs: RunTable, least: int) -> list[Mask]:
    """Masks of the most expensive runs to hold back, each leaving at least `least`."""
    order = by_cost(runs)
    counts = sorted({max(1, round(share * len(runs))) for share in SHARES})
    masks = []
    for count in counts:
        if len(runs) - count >= least:
            mask = np.zeros(len(runs), dtype=bool)
            mask[order[-count:]] = True
            masks.append(mask)
    return masks


def enough_of(runs: RunTable) -> npt.NDArray[np.intp]:
    """Indices of the runs that back-tests are made on: all, or of long tables `MOST_RUNS`, evenly from the cheapest to
    the most expensive.
    """
    if len(runs) <= MOST_RUNS:
        return np.arange(len(runs))
    return np.sort(by_cost(runs)[np.linspace(0, len(runs) - 1, MOST_RUNS).round().astype(np.intp)])


def back_tests(fits: Sequence[Fit], runs: RunTable, shares: Array) -> dict[str, BackTest]:
    """Each fitted law on all runs and on each cut, weighted by compute and by `shares`, from where its plain fit ended;
    without those whose numbers break.
    """
    plain = with_fresh_tokens(runs)
    tables = [runs if fit.form.variables else plain for fit in fits]
    laws = [
        Law(form=fit.form, inputs=inputs_of(table, fit.form), fixed=_fixed(fit))
        for fit, table in zip(fits, tables, strict=True)
    ]
    found: dict[str, BackTest] = {}
    for places in together(laws, len(runs)):
        some, rows = [fits[place] for place in places], Table([laws[place] for place in places], runs.loss, shares)
        found |= _tested(some, rows, tables[places[0]], shares)
    return {fit.law: found[fit.law] for fit in fits if fit.law in found}


def _fixed(fit: Fit) -> dict[int, float]:
    places = [fit.form.reported_as(name).needs[0] for name in fit.fixed]
    return {place: fit.theta[place] for place in places}


def _tested(fits: Sequence[Fit], table: Table, runs: RunTable, shares: Array) -> dict[str, BackTest]:
    """Laws of one table, each cut a row; where the matrices of one break, each law by itself."""
    weight = leaning(runs) * shares
    plans = [_Plan.of(runs, shares, fit.n_free + SPARE_RUNS) for fit in fits]
    law = np.repeat(np.arange(len(fits)), [1 + len(plan.rows) for plan in plans])
    delta = np.array([np.inf if fit.delta is None else fit.delta for fit in fits])
    weights = np.stack([row for plan in plans for row in (weight, *(np.where(out, 0.0, weight) for out in plan.rows))])
    start = np.stack([table.widened(place, np.array(fits[place].theta)) for place in law.tolist()])
    try:
        with np.errstate(all="ignore"):
            end = minimise(
                table.problem(law, delta, weights), start, tolerance=ROUGH, most=STEPS, near=True,
                group=np.arange(len(law)),
            ).theta  # fmt: skip
            misses = np.clip(-table.residuals(law, end), -LARGEST, LARGEST)
    except np.linalg.LinAlgError:
        if len(fits) == 1:
            return {}
        alone = (Table([each], runs.loss, shares) for each in table.laws)
        return {
            name: test
            for fit, one in zip(fits, alone, strict=True)
            for name, test in _tested([fit], one, runs, shares).items()
        }
    found = {}
    for place, (fit, plan) in enumerate(zip(fits, plans, strict=True)):
        mine = law == place
        theta = table.own(place, end[mine][0])
        member = _member(fit, table.laws[place], theta, -misses[mine][0], weight, runs)
        if member is not None:
            found[fit.law] = plan.told(member, misses[mine][1:], shares)
    return found


def _member(fit: Fit, law: Law, theta: Array, residuals: Array, weight: Array, runs: RunTable) -> Member | None:
    """A law on all runs as it sits on the panel; None where its numbers break."""
    lower, upper = law.bounds(runs.loss)
    free = (theta > lower + 1e-9 * np.abs(lower)) & (theta < upper - 1e-9 * np.abs(upper))
    delta = np.inf if fit.delta is None else fit.delta
    try:
        with np.errstate(all="ignore"):
            cov = covariance(law.form.gradient(theta, law.inputs), residuals, weight, delta, free, fit.n_free)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(theta).all():
        return None
    return Member(law=fit.law, theta=floats(theta), covariance=tuple(floats(row) for row in cov))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """What is held back of a law's runs."""

    masks: list[Mask]
    held: Mapping[Held, Mask]

    @classmethod
    def of(cls, runs: RunTable, shares: Array, least: int) -> _Plan:
        masks = [mask for mask in cuts(runs, least) if (shares[mask] > 0).any()]
        return cls(masks=masks, held=held_masks(runs, least))

    @property
    def rows(self) -> list[Mask]:
        return [*self.masks, *self.held.values()]

    def told(self, member: Member, misses: Array, shares: Array) -> BackTest:
        """The back-test from the misses (rows, n)."""
        believed = tuple(mask & (shares > 0) for mask in self.masks)
        missed = [row[mask] for row, mask in zip(misses, (*believed, *self.held.values()), strict=True)]
        behind = missed[len(believed) :]
        return BackTest(
            member=member, cuts=believed, misses=tuple(missed[: len(believed)]),
            held={name: (mask, miss) for (name, mask), miss in zip(self.held.items(), behind, strict=True)},
        )  # fmt: skip


def mean_miss(tests: Sequence[BackTest]) -> float | None:
    """1.48 × the median |miss| of the laws' mean, averaged over the cuts: a standard error that one odd run does not
    make; None where nothing was held back.
    """
    by_cut: dict[bytes, list[Array]] = {}
    for test in tests:
        for mask, miss in zip(test.cuts, test.misses, strict=True):
            by_cut.setdefault(mask.tobytes(), []).append(miss)
    medians = [float(np.median(np.abs(np.mean(rows, axis=0)))) for rows in by_cut.values()]
    return 1.4826 * float(np.mean(medians)) if medians else None


def held_miss(tests: Sequence[BackTest], held: Held) -> tuple[Mask, Array] | None:
    """What was held back and the misses of the laws' mean there; None where no law could do without it."""
    found = [test.held[held] for test in tests if held in test.held]
    return (found[0][0], np.mean([miss for _, miss in found], axis=0)) if found else None
