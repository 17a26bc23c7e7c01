"""What is known of annealing before a run has shown any: from other runs, else from what cooldowns usually give.

C is told in nats for each unit of S2 with rates as shares of their peak, so that it passes between rungs whose rates
differ, and for each memory. Which memory is the right one does not pass: on trained ladders runs of another length
spoke for another, and hearing them made intervals too narrow (.75 of 95 % late in a cooldown).
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

USUAL_GAIN, USUAL_SPREAD = 0.03, 0.04
"""What a whole annealing takes off, and how far that varies, as shares of the loss: 1–5 % in published cooldowns."""
GAP = 0.03
"""Standard deviation of held-out minus training loss before any pair was seen, as a share of the loss."""
FEWEST = 12
"""Losses after the transient below which a curve says nothing."""
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


def annealing_seen(families: Sequence[Sequence[Curve]], memories: Array) -> Prior | None:
    """The effect of annealing in families of curves; None where none was annealed.

    Parameters
    ----------
    families : curves of one model each, such as a trunk with its branches, the longest first.
    memories : −1/ln λ to tell it for, in the unit of the curves' positions, shape (m,).
    """
    return pooled([seen for family in families if (seen := family_effect(family, memories))], memories)


def pooled(effects: Sequence[tuple[Array, Array]], memories: Array) -> Prior | None:
    """One prior from (C, its standard deviation) of several families."""
    if not effects:
        return None
    effect, sd = (np.stack(column) for column in zip(*effects, strict=True))
    # Precise families count more, but none for everything.
    trust = 1.0 / (sd**2 + (DIFFERENCE * np.abs(effect).mean(axis=0)) ** 2)
    mean = (trust * effect).sum(axis=0) / trust.sum(axis=0)
    between = (trust * (effect - mean) ** 2).sum(axis=0) / trust.sum(axis=0)
    within = 1.0 / trust.sum(axis=0)
    return Prior(memories=memories, effect=mean, effect_sd=np.sqrt(between + within + (DIFFERENCE * mean) ** 2))


def assumed(prior: Prior | None, rows: Rows) -> Before:
    """What is taken to be known before the rows are seen."""
    loss = float(np.median(rows.loss))
    reach = np.maximum(rows.end_s2, rows.s2.max(axis=0, initial=0.0))
    reach = np.where(reach > 0, reach, max(rows.end_s1, 1e-300))
    if prior is None:
        return Before(
            gain=USUAL_GAIN * loss / reach,
            gain_sd=USUAL_SPREAD * loss / reach,
            offset_sd=GAP * loss,
        )
    return Before(
        gain=prior.effect,
        gain_sd=np.maximum(prior.effect_sd, 1e-4 * loss / reach),
        offset_sd=GAP * loss,
    )


def family_effect(family: Sequence[Curve], memories: Array) -> tuple[Array, Array] | None:
    """(C, its standard deviation) for each memory from one model's curves; None where they show no annealing."""
    rows = rows_of(family, memories)
    if (rows.held_out == 0).sum() < FEWEST or not rows.s2.any():
        return None
    _, cells = estimate(rows, assumed(None, rows))
    weight = np.exp(cells.log_weight.reshape(-1, len(memories)))
    weight /= np.maximum(weight.sum(axis=0), 1e-300)
    effect = cells.mean[:, GAIN].reshape(-1, len(memories))
    variance = (cells.factor()[:, GAIN] ** 2).sum(axis=1).reshape(-1, len(memories))
    mean = (weight * effect).sum(axis=0)
    spread = np.sqrt((weight * (variance + (effect - mean) ** 2)).sum(axis=0))
    return np.maximum(mean, 0.0), spread
