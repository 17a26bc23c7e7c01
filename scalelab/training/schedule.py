"""The learning rate at every step: warm-up, constant, then a cooldown, cosine or line. Plain Python; knows no torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from scalelab.records import Decay, Schedule


def rate(schedule: Schedule, step: int) -> float:
    """The rate that step number `step` (from 0) is taken with.

    The warm-up is linear and reaches the peak at step `warmup_steps`; the cooldown is 1 − √x, the best of the shapes
    in Hägele et al. 2024 (arXiv:2405.18392), and ends on `floor`; the cosine is the one of Chinchilla.
    """
    rising = min(1.0, (step + 1) / (schedule.warmup_steps + 1))
    return schedule.peak * rising * _decayed(schedule, step)


def _decayed(schedule: Schedule, step: int) -> float:
    length = schedule.n_steps - schedule.decay_start
    if schedule.decay is Decay.CONSTANT or step < schedule.decay_start or length <= 0:
        return 1.0
    through = min(1.0, (step - schedule.decay_start) / length)
    return schedule.floor + (1.0 - schedule.floor) * _FALLING[schedule.decay](through)


_FALLING: Mapping[Decay, Callable[[float], float]] = {
    Decay.COOLDOWN: lambda through: 1.0 - math.sqrt(through),
    Decay.COSINE: lambda through: 0.5 * (1.0 + math.cos(math.pi * through)),
    Decay.LINEAR: lambda through: 1.0 - through,
}
"""What is left of the rate after a share of the decay."""
