"""Milliseconds of the fits: 16 simulated runs, and the 240 public runs beside one start of a general optimiser."""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from scalelab import laws

PUBLISHED_STARTS = 4_500
"""Starts of the published script for the 240 runs (Besiroglu et al. 2024, arXiv 2404.10102)."""


def simulated(n_runs: int) -> laws.RunTable:
    """A square grid of chinchilla's law with half a per cent of noise."""
    side = int(n_runs**0.5)
    n, d = (grid.ravel() for grid in np.meshgrid(np.geomspace(1e7, 1e9, side), np.geomspace(1e8, 1e10, side)))
    noise = np.exp(0.005 * np.random.default_rng(0).standard_normal(n.size))
    return laws.run_table(n_params=n, n_tokens=d, loss=(1.82 + 478 / n**0.347 + 2143 / d**0.367) * noise)


def public_runs() -> laws.RunTable | None:
    """The 240 runs, where the public tables are."""
    default = Path(__file__).parents[3] / "shared" / "data"
    path = Path(os.environ.get("SCALELAB_SHARED_DATA", default)) / "chinchilla_epoch.csv"
    if not path.is_file():
        return None
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row["outlier"] == "0"]
    n, d, loss = (np.array([float(row[name]) for row in rows]) for name in ("n_params", "tokens", "loss"))
    return laws.run_table(n_params=n, n_tokens=d, loss=loss)


def one_start(runs: laws.RunTable) -> None:
    """One start of L-BFGS with numerical gradients on the published objective, as most scripts do it."""
    log_n, log_d, log_loss = (np.log(column) for column in (runs.n_params, runs.n_tokens, runs.loss))

    def objective(theta: np.ndarray) -> float:
        a, b, e, alpha, beta = theta
        terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)])
        miss = np.abs(logsumexp(terms, axis=0) - log_loss)
        return float(np.where(miss <= 1e-3, miss**2 / 2, 1e-3 * (miss - 5e-4)).sum())

    minimize(objective, np.array([5.0, 10.0, 0.5, 0.5, 0.5]), method="L-BFGS-B")


def milliseconds(what: Callable[[], object], repeats: int) -> float:
    """Median of the repeats, after one that does not count."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        what()
        seconds.append(time.perf_counter() - began)
    return 1e3 * statistics.median(seconds[1:])


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks fits", description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    repeats = parser.parse_args(arguments).repeats
    for n_runs in (9, 16, 25, 49):
        runs = simulated(n_runs)
        fit = milliseconds(lambda runs=runs: laws.fit(runs, "chinchilla"), repeats)  # type: ignore[misc]
        whole = milliseconds(lambda runs=runs: laws.assess(runs), repeats)  # type: ignore[misc]
        print(f"{n_runs:3} runs: chinchilla {fit:6.1f} ms, everything a lab shows {whole:6.1f} ms")
    public = public_runs()
    if public is None:
        print("240 public runs: skipped, set SCALELAB_SHARED_DATA to their folder")
        return
    fit = laws.fit(public, "chinchilla", "hoffmann")
    ours = milliseconds(lambda: laws.fit(public, "chinchilla", "hoffmann"), repeats)
    robust = milliseconds(lambda: laws.fit(public, "chinchilla"), repeats)
    theirs = milliseconds(lambda: one_start(public), 3)
    print(f"240 public runs: robust {robust:.1f} ms; published objective {fit.objective_value:.13f} in {ours:.1f} ms")
    many = PUBLISHED_STARTS * theirs / ours
    print(f"  one start of L-BFGS {theirs:.0f} ms; {PUBLISHED_STARTS} of them {many:,.0f} × ours")
