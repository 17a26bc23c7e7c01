"""Where a running curve will end: the annealing-aware law of Tissue et al. 2024 (arXiv 2408.11029), with an interval.

    forecast(steps, losses, lr, until=10_000)                  its own curve only
    forecast(..., held_out=(steps, losses))                    the final loss on the held-out set
    forecast(..., prior=annealing_seen(families, memories))    helped by what finished runs gained by annealing

The interval is of the posterior over α, the memory λ and the three coefficients, all non-negative: every cell of a grid
in α and λ counts by its evidence. What no curve has shown yet (the annealing) is as wide as what is known of it.
Needs numpy only.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from scalelab.laws.curves.cells import DECLINE, FAINT, GAIN, LEVEL, Cells, ahead
from scalelab.laws.curves.curve import NOTHING, Curve
from scalelab.laws.curves.noise import Noise, estimate
from scalelab.laws.curves.outlook import CurveForecast, Outlook
from scalelab.laws.curves.prior import FEWEST, Prior, assumed
from scalelab.laws.curves.rows import Rows, rows_of
from scalelab.laws.runs import Array

MEMORIES = np.geomspace(0.003, 0.5, 6)
"""Memories tried, as shares of the run's length."""
HOLDS_TO = 0.2
"""Error of the law itself, as a share of the change that it foretells: real curves follow it to about that."""
DRAWS = 96


def forecast(
    steps: npt.ArrayLike,
    losses: npt.ArrayLike,
    lr: npt.ArrayLike,
    *,
    until: float,
    spans: npt.ArrayLike | None = None,
    held_out: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    prior: Prior | None = None,
    level: float = 0.95,
) -> CurveForecast:
    """Forecast the loss at the end of one run.

    Parameters
    ----------
    steps : where the losses stand, in steps or tokens, shape (n,).
    losses : training losses there, nats a token; NaN for gaps.
    lr : the learning rate over the whole run, in equal parts of [0, until]: one number a step, or fewer.
    until : where the run ends, in the unit of `steps`.
    spans : steps that each loss is a mean of, where they differ.
    held_out : (steps, losses) on the held-out set; with any after the warm-up, its final loss is what is forecast.
    prior : what other runs say of annealing, from `annealing_seen`.
    level : of the interval.

    Returns
    -------
    A CurveForecast; without numbers, and with its reason, where nothing can be said yet.

    Raises
    ------
    BadInput
        Columns of unlike length, no sensible schedule, or losses beyond `until`.
    """
    curve = Curve.of(steps, losses, lr, until=until, spans=spans, held_out=held_out or (NOTHING, NOTHING))
    return forecast_curve(curve, prior=prior, level=level)


def forecast_curve(curve: Curve, *, prior: Prior | None = None, level: float = 0.95) -> CurveForecast:
    """Forecast the end of a curve, as `forecast` does."""
    memories = prior.memories if prior else MEMORIES * curve.until
    rows = rows_of([curve], memories)
    told = {"until": curve.until, "seen": min(curve.seen / curve.until, 1.0), "level": level, "n_losses": len(rows)}
    training = int((rows.held_out == 0).sum())
    if training < FEWEST or rows.seen_s1 <= 0:
        return CurveForecast.silent(f"{training} losses after the warm-up and the first descent: too few", **told)
    before = assumed(prior, rows)
    noise, cells = estimate(rows, before)
    ends, gains, weights = _draws(rows, cells, noise)
    if not weights.any():
        return CurveForecast.silent("the loss does not fall as a law of training can", **told)
    low, middle, high = _quantiles(ends, weights, [(1 - level) / 2, 0.5, (1 + level) / 2])
    best = int(np.argmax(cells.log_weight))
    return CurveForecast.of(
        warm=curve.warm_from / curve.until,
        loss=middle,
        low=low,
        high=high,
        sd=_sd(ends, weights),
        held_out=bool(rows.held_out.any()),
        gain=float(_quantiles(gains, weights, [0.5])[0]),
        annealing=_annealing_source(rows, prior),
        alpha=_alpha(cells),
        memory=float(memories[best % len(memories)]),
        shared=noise.shared,
        effective=noise.effective,
        **told,
    )


def _draws(rows: Rows, cells: Cells, noise: Noise) -> tuple[Array, Array, Array]:
    """Draws of the final loss and of the annealing's part in it, with weights; none with a negative coefficient.

    The same normal numbers every time: a forecast does not flicker.
    """
    random = np.random.default_rng(0)
    half = random.standard_normal((DRAWS // 2, 4))
    normal = np.concatenate([half, -half])
    free = max(noise.effective - 4.0, 2.0)
    wide = np.sqrt(free / random.chisquare(free, DRAWS))
    near = np.flatnonzero(cells.log_weight > FAINT)
    end, change = (each[near] for each in ahead(rows, cells))
    theta = cells.mean[near, None, :] + (wide[:, None] * normal) @ cells.factor()[near].transpose(0, 2, 1)
    sensible = (theta[..., DECLINE] >= 0) & (theta[..., GAIN] >= 0)
    sensible &= theta[..., LEVEL] >= theta[..., DECLINE] * cells.floor[near, None]
    ends = (theta @ end[..., None])[..., 0]
    ends += HOLDS_TO * (theta @ change[..., None])[..., 0] * random.standard_normal(DRAWS)
    if rows.held_out.any():
        ends += noise.held_out_sd * random.standard_normal(DRAWS)
    gains = -theta[..., GAIN] * end[:, None, GAIN]
    weights = np.exp(cells.log_weight[near])[:, None] * sensible
    return ends.ravel(), gains.ravel(), weights.ravel()


def _quantiles(values: Array, weights: Array, shares: list[float]) -> list[float]:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return [float(values[order[np.searchsorted(total, share * total[-1])]]) for share in shares]


def _sd(values: Array, weights: Array) -> float:
    mean = float(values @ weights / weights.sum())
    return math.sqrt(float((values - mean) ** 2 @ weights / weights.sum()))


def _alpha(cells: Cells) -> float:
    weight = np.exp(cells.alpha_weight)
    return float(np.exp(weight @ np.log(cells.alphas) / weight.sum()))


def _annealing_source(rows: Rows, prior: Prior | None) -> Outlook:
    """Where the forecast knows the effect of annealing from."""
    if not rows.end_s2.any():
        return Outlook.NONE
    if rows.s2.max() > 0.3 * rows.end_s2.max():
        return Outlook.OWN
    return Outlook.OTHERS if prior else Outlook.ASSUMED
