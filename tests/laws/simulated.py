"""Labs whose law is known: grids of N and D with losses from a truth and noise on their logs."""

from __future__ import annotations

import numpy as np

from scalelab.laws import RunTable, run_table

TRUTH = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}
SHAPES = {9: (3, 3), 16: (4, 4), 25: (5, 5), 48: (6, 8)}


def chinchilla_loss(n: np.ndarray | float, d: np.ndarray | float) -> np.ndarray:
    """The truth of `lab`."""
    return TRUTH["E"] + TRUTH["A"] / np.asarray(n) ** TRUTH["alpha"] + TRUTH["B"] / np.asarray(d) ** TRUTH["beta"]


def grid(n_runs: int) -> tuple[np.ndarray, np.ndarray]:
    """N over two decades times D over two decades."""
    rows, columns = SHAPES[n_runs]
    n, d = np.meshgrid(np.geomspace(1e7, 1e9, rows), np.geomspace(2e8, 2e10, columns), indexing="ij")
    return n.ravel(), d.ravel()


def lab(n_runs: int, seed: int = 0, noise: float = 0.005) -> RunTable:
    """A grid of runs that follow chinchilla."""
    n, d = grid(n_runs)
    scatter = np.exp(noise * np.random.default_rng(seed).standard_normal(len(n)))
    return run_table(n_params=n, n_tokens=d, loss=chinchilla_loss(n, d) * scatter)
