"""Labs of many truths for coverage: other floors, coefficients, exponents, noises and grids with every seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scalelab.laws import RunTable, run_table

SHAPES = {9: (3, 3), 16: (4, 4), 25: (5, 5), 48: (6, 8)}
"""Runs → sizes of model times budgets of tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """A law that is known, with the grid and noise of one lab."""

    numbers: dict[str, float]
    """E, A, B, alpha, beta; no beta where the two are tied."""
    noise: float
    """Standard deviation of ln loss."""
    n: np.ndarray
    d: np.ndarray

    def loss(self, n: np.ndarray | float, d: np.ndarray | float) -> np.ndarray:
        """L at N and D."""
        t = self.numbers
        beta = t.get("beta", t["alpha"])
        return t["E"] + t["A"] / np.asarray(n) ** t["alpha"] + t["B"] / np.asarray(d) ** beta

    @property
    def tenfold(self) -> tuple[float, float]:
        """N and D of a run of ten times the largest compute, both √10 larger."""
        return float(self.n.max()) * 10**0.5, float(self.d.max()) * 10**0.5

    def lab(self, seed: int) -> RunTable:
        """Runs of it with normal noise."""
        scatter = np.exp(self.noise * np.random.default_rng((2, seed)).standard_normal(len(self.n)))
        return run_table(n_params=self.n, n_tokens=self.d, loss=self.loss(self.n, self.d) * scatter)


def truth(n_runs: int, seed: int, *, tied: bool = False) -> Truth:
    """The seed's truth: E 1.5–2.2, exponents .25–.5, terms of .15–.8 nats mid-grid, noise .002–.01, 1.7–2.5 decades."""
    draw = np.random.default_rng((1, n_runs, seed))
    rows, columns = SHAPES[n_runs]
    sides = []
    for start, count in ((draw.uniform(6.0, 8.0), rows), (draw.uniform(7.5, 9.5), columns)):
        sides.append(np.logspace(start, start + draw.uniform(1.7, 2.5), count))
    n, d = (side.ravel() for side in np.meshgrid(*sides, indexing="ij"))
    alpha, beta = draw.uniform(0.25, 0.5, 2)
    beta = alpha if tied else beta
    height = np.exp(draw.uniform(np.log(0.15), np.log(0.8), 2))
    numbers = {
        "E": draw.uniform(1.5, 2.2),
        "A": height[0] * np.exp(alpha * np.log(n).mean()),
        "B": height[1] * np.exp(beta * np.log(d).mean()),
        "alpha": alpha,
    }
    numbers |= {} if tied else {"beta": beta}
    noise = float(np.exp(draw.uniform(np.log(0.002), np.log(0.01))))
    return Truth(numbers={key: float(value) for key, value in numbers.items()}, noise=noise, n=n, d=d)
