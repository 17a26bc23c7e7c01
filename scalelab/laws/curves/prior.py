"""What is known of annealing before a run has shown any: from other runs, else from what cooldowns usually give.

C is told in nats for each unit of S2 with rates as shares of their peak, so that it passes between rungs whose rates
differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scalelab.laws.curves.cells import GAIN, Before
from scalelab.laws.curves.curve import Curve
from scalelab.laws.curves.noise import estimate
from scalelab.laws.curves.rows import Rows, rows_of
from scalelab.laws.runs import Array

USUAL_GAIN, USUAL_SPREAD = 0.025, 0.03
"""What a whole annealing takes off, and how far that varies, as shares of the loss: 1–5 % in published cooldowns."""
GAP = 0.03
"""Standard deviation of held-out minus training loss before any pair was seen, as a share of the loss."""
DIFFERENCE = 0.3
"""How far C may differ between models, relative, however well the others agree."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prior:
    """The effect of annealing as finished runs of other models showed it."""

    memories: Array
    """In the unit of the curves' positions, shape (m,)."""
    effect: Array
    """C for each memory."""
    effect_sd: Array
    log_weight: Array
    """How well each memory served, the best 0."""


def annealing_seen(families: Sequence[Sequence[Curve]], memories: Array) -> Prior | None:
    """The effect of annealing in families of curves, each of one model; None where none was annealed."""
    found = [each for family in families if (each := _effect(family, memories))]
    if not found:
        return None
    effects, sds, weights = (np.stack(column) for column in zip(*found, strict=True))
    # Precise families count more, but none for everything.
    trust = 1.0 / (sds**2 + (DIFFERENCE * np.abs(effects).mean(axis=0)) ** 2)
    mean = (trust * effects).sum(axis=0) / trust.sum(axis=0)
    between = (trust * (effects - mean) ** 2).sum(axis=0) / trust.sum(axis=0)
    within = 1.0 / trust.sum(axis=0)
    return Prior(
        memories=memories,
        effect=mean,
        effect_sd=np.sqrt(between + within + (DIFFERENCE * mean) ** 2),
        log_weight=_spoken(weights),
    )


def assumed(prior: Prior | None, rows: Rows) -> Before:
    """What is taken to be known before the rows are seen."""
    loss = float(np.median(rows.loss))
    reach = np.maximum(rows.end_s2, rows.s2.max(axis=0, initial=0.0))
    reach = np.where(reach > 0, reach, max(rows.end_s1, 1e-300))
    if prior is None:
        return Before(
            gain=USUAL_GAIN * loss / reach,
            gain_sd=USUAL_SPREAD * loss / reach,
            log_weight=np.zeros(len(reach)),
            offset_sd=GAP * loss,
        )
    return Before(
        gain=prior.effect,
        gain_sd=np.maximum(prior.effect_sd, 1e-4 * loss / reach),
        log_weight=prior.log_weight,
        offset_sd=GAP * loss,
    )


def _effect(family: Sequence[Curve], memories: Array) -> tuple[Array, Array, Array] | None:
    """(C, its standard deviation, log weight) for each memory from one model's curves."""
    longest = max(family, key=lambda curve: curve.until)
    rows = rows_of(longest, [curve for curve in family if curve is not longest], memories)
    if (rows.held_out == 0).sum() < 8 or not rows.s2.any():
        return None
    before = assumed(None, rows)
    _, cells = estimate(rows, before)
    n_memory = len(memories)
    log_weight = cells.log_weight.reshape(-1, n_memory)
    weight = np.exp(log_weight - log_weight.max(axis=0))
    weight /= weight.sum(axis=0)
    effect = cells.mean[:, GAIN].reshape(-1, n_memory)
    variance = (cells.factor[:, GAIN] ** 2).sum(axis=1).reshape(-1, n_memory)
    mean = (weight * effect).sum(axis=0)
    spread = np.sqrt((weight * (variance + (effect - mean) ** 2)).sum(axis=0))
    evidence = np.logaddexp.reduce(log_weight, axis=0)
    return np.maximum(mean, 0.0), spread, evidence - evidence.max()


def _spoken(weights: Array) -> Array:
    """Families heard as one: their mean, so that many do not rule a memory out that this model may have."""
    mean: Array = np.maximum(weights, -6.0).mean(axis=0)
    return mean - float(mean.max())
