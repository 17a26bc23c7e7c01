"""Curves whose truth is known: Tissue's law with autocorrelated noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scalelab.laws.curves.annealing import annealing_area, area


def schedule(kind: str, steps: int, warmup: int = 50, peak: float = 0.01) -> np.ndarray:
    """Warm-up, then a constant rate with a cooldown over the last fifth ("wsd"), a cosine, or nothing ("constant")."""
    step = np.arange(steps)
    rise = np.minimum(1.0, (step + 1) / (warmup + 1))
    if kind == "constant":
        return peak * rise
    if kind == "cosine":
        through = np.clip((step - warmup) / (steps - warmup), 0.0, 1.0)
        return peak * rise * 0.5 * (1 + np.cos(math.pi * through))
    start = steps - steps // 5
    return peak * rise * (1 - np.sqrt(np.clip((step - start) / (steps - start), 0.0, 1.0)))


@dataclass(frozen=True)
class Truth:
    """One simulated run."""

    steps: np.ndarray
    losses: np.ndarray
    rates: np.ndarray
    clean: np.ndarray

    @property
    def end(self) -> float:
        return float(self.clean[-1])

    def seen(self, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Steps and losses of the first part of the run."""
        shown = self.steps <= share * len(self.rates)
        return self.steps[shown], self.losses[shown]


def simulate(seed: int, kind: str = "wsd", steps: int = 2000, every: int = 10, rho: float | None = None) -> Truth:
    """A run with L0, A, α, the gain and the noise drawn at random."""
    random = np.random.default_rng(seed)
    rates = schedule(kind, steps)
    s1 = area(rates / rates.max())
    memory = steps * 10 ** random.uniform(-2.5, -0.7)
    s2 = annealing_area(rates / rates.max(), memory)
    alpha, floor, decline = random.uniform(0.25, 0.8), random.uniform(1.5, 3.0), random.uniform(0.5, 1.5)
    gain = random.uniform(0.01, 0.06) * floor
    clean = floor + decline * (s1 / s1[-1]) ** -alpha - gain * s2 / (s2[-1] or 1.0)
    size, shared = 10 ** random.uniform(-2.5, -1.5), random.uniform(0.0, 0.7) if rho is None else rho
    noise, points = np.zeros(steps // every), np.arange(every, steps + 1, every)
    for i, shock in enumerate(random.standard_normal(len(points))):
        noise[i] = (shared * noise[i - 1] if i else 0.0) + math.sqrt(1 - shared**2) * shock
    return Truth(points.astype(float), clean[points - 1] + size * noise, rates, clean)
