"""The rolling back-test: every law refitted without the most expensive runs, at several cuts, in one batch.

Runs weigh as the root of their compute here and in what predicts: a law is wrong everywhere a little, and what is to
be told lies beyond the largest runs. On public tables that lowers the error of every form (`python -m
tests.benchmarks splits`); the parameters that are reported come from the plain fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.choice.holdout import Held, held_masks
from scalelab.laws.choice.panel import Member
from scalelab.laws.choice.repeats import with_fresh_tokens
from scalelab.laws.fits import LARGEST, Fit
from scalelab.laws.fitting.fitter import SPARE_RUNS, floats, inputs_of, sound_numbers, weights_of
from scalelab.laws.fitting.newton import Problem, minimise
from scalelab.laws.fitting.solve import bounds
from scalelab.laws.intervals.delta import covariance
from scalelab.laws.runs import Array, Mask, RunTable

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
    order = np.argsort(runs.compute, kind="stable")
    counts = sorted({max(1, round(share * len(runs))) for share in SHARES})
    masks = []
    for count in counts:
        if len(runs) - count >= least:
            mask = np.zeros(len(runs), dtype=bool)
            mask[order[-count:]] = True
            masks.append(mask)
    return masks


def back_test(fit: Fit, runs: RunTable, shares: Array) -> BackTest | None:
    """A fitted law on all runs and on each cut, weighted by compute and by `shares`, from where its plain fit ended;
    None where its numbers break.
    """
    form = fit.form
    runs = runs if form.variables else with_fresh_tokens(runs)
    inputs, target = inputs_of(runs, form), np.log(runs.loss)
    weight = leaning(runs) * shares
    least = fit.n_free + SPARE_RUNS
    masks, held = cuts(runs, least), held_masks(runs, least)
    masks = [mask for mask in masks if (shares[mask] > 0).any()]
    rows = [*masks, *held.values()]
    prepared = form.prepare(inputs)
    fixed = {form.reported_as(name).needs[0]: fit.theta[form.reported_as(name).needs[0]] for name in fit.fixed}
    lower, upper = bounds(form, runs.loss, fixed)
    delta = np.inf if fit.delta is None else fit.delta
    problem = Problem(
        build=lambda theta: form.compose(theta, prepared), target=target,
        weight=np.stack([weight, *(np.where(mask, 0.0, weight) for mask in rows)]),
        delta=delta, lower=lower, upper=upper,
    )  # fmt: skip
    start = np.tile(np.array(fit.theta), (1 + len(rows), 1))
    try:
        with sound_numbers(form):
            found = minimise(problem, start, tolerance=ROUGH, most=STEPS, near=True)
            misses = np.clip(form.compose(found.theta, prepared).value - target, -LARGEST, LARGEST)
            theta = found.theta[0]
            free = (theta > lower + 1e-9 * np.abs(lower)) & (theta < upper - 1e-9 * np.abs(upper))
            cov = covariance(form.gradient(theta, inputs), -misses[0], weight, delta, free, fit.n_free)
    except (BadInput, np.linalg.LinAlgError):
        return None
    if not np.isfinite(theta).all():
        return None
    member = Member(law=fit.law, theta=floats(theta), covariance=tuple(floats(row) for row in cov))
    believed = tuple(mask & (shares > 0) for mask in masks)
    missed = [row[mask] for row, mask in zip(misses[1:], (*believed, *held.values()), strict=True)]
    return BackTest(
        member=member, cuts=believed, misses=tuple(missed[: len(masks)]),
        held={name: (mask, miss) for (name, mask), miss in zip(held.items(), missed[len(masks) :], strict=True)},
    )  # fmt: skip


def mean_miss(tests: Sequence[BackTest]) -> float | None:
    """1.48 × the median |miss| of the laws' mean, averaged over the cuts: a standard error that one odd run does not
    make; None where nothing was held back.
    """
    by_size: dict[int, list[Array]] = {}
    for test in tests:
        for mask, miss in zip(test.cuts, test.misses, strict=True):
            by_size.setdefault(int(mask.sum()), []).append(miss)
    medians = [float(np.median(np.abs(np.mean(rows, axis=0)))) for rows in by_size.values()]
    return 1.4826 * float(np.mean(medians)) if medians else None


def held_miss(tests: Sequence[BackTest], held: Held) -> tuple[Mask, Array] | None:
    """What was held back and the misses of the laws' mean there; None where no law could do without it."""
    found = [test.held[held] for test in tests if held in test.held]
    return (found[0][0], np.mean([miss for _, miss in found], axis=0)) if found else None
