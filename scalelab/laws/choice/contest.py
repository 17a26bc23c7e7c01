"""Which law to believe: AICc for few runs, and the error on the largest runs, held back, once there are enough.

Knows fits and runs; knows no forms by their shape, only which two serve for few runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.fits import LARGEST, Fit
from scalelab.laws.fitting.fitter import SPARE_RUNS, inputs_of, sound_numbers, weights_of
from scalelab.laws.fitting.newton import Problem, minimise
from scalelab.laws.fitting.objective import EFFICIENT, LEAST_SCALE, huber
from scalelab.laws.runs import Array, Mask, RunTable

FEW_RUNS = 16
"""Below this, held-back errors are too noisy to choose by."""
FOR_FEW = ("chinchilla-tied", "chinchilla")
SHARES = (0.1, 0.2, 0.3, 0.4)
"""Of the runs, the most expensive ones, held back in turn."""
NEAR = 1.05
"""Laws within 5 % of the lowest held-back error tie; the one with fewer parameters is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one law did."""

    law: str
    aicc: float | None
    """Akaike's criterion for few runs, relative to the best law's; None with too few runs for it."""
    held_back: float | None
    """Mean |ln predicted − ln observed| on the largest runs over all cuts; None where nothing could be held back."""
    held_back_rms: float | None
    weight: float
    """Share in the prediction."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def aicc(fits: Sequence[Fit], residuals: dict[str, Array]) -> dict[str, float]:
    """Of each law, relative to the lowest: n ln(S/n) + 2k + 2k(k+1)/(n − k − 1), S by one Huber loss for all laws."""
    delta = EFFICIENT * min((max(fit.sigma, LEAST_SCALE) for fit in fits), default=1.0)
    raw = {}
    for fit in fits:
        n, k = fit.n_runs, fit.n_free + 1
        if n - k - 1 > 0:
            squares = max(2.0 * float(huber(residuals[fit.law], delta).sum()), 1e-300)
            raw[fit.law] = n * np.log(squares / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    low = min(raw.values(), default=0.0)
    return {law: float(value - low) for law, value in raw.items()}


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


def held_back_errors(fit: Fit, runs: RunTable, masks: Sequence[Mask]) -> list[Array]:
    """Ln predicted − ln observed on the held-back runs of each cut; all cuts are refitted in one batch from the fit."""
    form = fit.form
    inputs, weight, target = inputs_of(runs, form), weights_of(runs), np.log(runs.loss)
    prepared = form.prepare(inputs)
    lower, upper = form.bounds(runs.loss)
    problem = Problem(
        build=lambda theta: form.compose(theta, prepared), target=target,
        weight=np.stack([np.where(mask, 0.0, weight) for mask in masks]),
        delta=np.inf if fit.delta is None else fit.delta, lower=lower, upper=upper,
    )  # fmt: skip
    start = np.tile(np.array(fit.theta), (len(masks), 1))
    with sound_numbers(form):
        found = minimise(problem, start, tolerance=1e-4, most=10, near=True)
    misses = np.clip(form.compose(found.theta, prepared).value - target, -LARGEST, LARGEST)
    return [row[mask] for row, mask in zip(misses, masks, strict=True)]


def scores(runs: RunTable, fits: Sequence[Fit], residuals: dict[str, Array]) -> list[Score]:
    """Every law's score, with weights that sum to one over the chosen."""
    criteria = aicc(fits, residuals)
    errors: dict[str, tuple[float, float]] = {}
    for fit in fits:
        found = _errors(fit, runs)
        if found is not None:
            errors[fit.law] = found
    weights = _weights(len(runs), fits, criteria, errors)
    return [
        Score(
            law=fit.law, aicc=criteria.get(fit.law),
            held_back=errors[fit.law][0] if fit.law in errors else None,
            held_back_rms=errors[fit.law][1] if fit.law in errors else None,
            weight=weights.get(fit.law, 0.0),
        )
        for fit in fits
    ]  # fmt: skip


def _errors(fit: Fit, runs: RunTable) -> tuple[float, float] | None:
    """Mean and root mean square error over all cuts; None where nothing can be held back."""
    masks = cuts(runs, fit.n_free + SPARE_RUNS)
    if not masks:
        return None
    try:
        misses = held_back_errors(fit, runs, masks)
    except BadInput:
        return None
    mean = float(np.mean([np.abs(miss).mean() for miss in misses]))
    return mean, float(np.sqrt(np.mean([(miss**2).mean() for miss in misses])))


def _weights(
    n_runs: int, fits: Sequence[Fit], criteria: dict[str, float], errors: dict[str, tuple[float, float]]
) -> dict[str, float]:
    names = [fit.law for fit in fits]
    if n_runs >= FEW_RUNS and errors:
        lowest = min(error for error, _ in errors.values())
        near = [fit for fit in fits if fit.law in errors and errors[fit.law][0] <= NEAR * lowest + 1e-12]
        chosen = min(near, key=lambda fit: (fit.n_free, errors[fit.law][0]))
        return {chosen.law: 1.0}
    few = [law for law in FOR_FEW if law in names and law in criteria]
    if not few:
        return {names[0]: 1.0} if names else {}
    low = min(criteria[law] for law in few)
    raw = {law: float(np.exp(-0.5 * (criteria[law] - low))) for law in few}
    return {law: value / sum(raw.values()) for law, value in raw.items()}
