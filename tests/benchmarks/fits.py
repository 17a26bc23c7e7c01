"""CPU milliseconds of the fits, on one thread: every law on simulated grids, and the 240 public runs beside starts of a
general optimiser, of which the published script takes 4,500 (one is timed, the rest is multiplied).
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from scalelab import laws
from scalelab.laws.fitting.fitter import fit_each

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
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
    """Least CPU time of the repeats, after one that does not count: others on the machine only ever add."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.process_time()
        what()
        seconds.append(time.process_time() - began)
    return 1e3 * min(seconds[1:])


def of_forms(n_runs: int, repeats: int) -> None:
    """Each law alone, all at once with everything that a lab shows, on a simulated grid."""
    runs = simulated(n_runs)
    print(f"{n_runs} simulated runs")
    for law in laws.OFFERED:
        took = milliseconds(lambda law=law: laws.fit(runs, law), repeats)  # type: ignore[misc]
        fit = laws.fit(runs, law)
        print(f"  {law:18}{took:7.1f} ms{fit.starts:4} starts{fit.iterations:4} steps")
    together = milliseconds(lambda: fit_each(runs, laws.OFFERED), repeats)
    print(f"  {'all, intervals':18}{together:7.1f} ms")
    print(f"  {'and all checks':18}{milliseconds(lambda: laws.assess(runs), repeats):7.1f} ms")


def of_public(repeats: int) -> None:
    """The 240 public runs: the published objective beside the published script, and a thousand bootstraps."""
    public = public_runs()
    if public is None:
        print("240 public runs: skipped, set SCALELAB_SHARED_DATA to their folder")
        return
    fit = laws.fit(public, "chinchilla", "hoffmann")
    ours = milliseconds(lambda: laws.fit(public, "chinchilla", "hoffmann"), repeats)
    robust = milliseconds(lambda: laws.fit(public, "chinchilla"), repeats)
    theirs = milliseconds(lambda: one_start(public), 3)
    print(f"240 public runs: robust {robust:.1f} ms; published objective {fit.objective_value:.13f} in {ours:.1f} ms")
    whole = PUBLISHED_STARTS * theirs / 1e3
    ratio = 1e3 * whole / ours
    print(f"  one start of L-BFGS {theirs:.0f} ms; {PUBLISHED_STARTS} of them {whole:,.0f} s, {ratio:,.0f} × ours")
    drawn = milliseconds(lambda: laws.bootstrap(fit, public, n=1000), 3)
    print(f"  1,000 bootstraps of the published objective {drawn:,.0f} ms")


def of_a_million() -> None:
    """A table of a million rows, read and fitted."""
    rng = np.random.default_rng(0)
    n, d = (np.exp(rng.uniform(np.log(low), np.log(1e3 * low), 1_000_000)) for low in (1e6, 1e8))
    loss = (1.82 + 478 / n**0.347 + 2143 / d**0.367) * np.exp(0.01 * rng.standard_normal(n.size))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        np.savetxt(path, np.column_stack([n, d, loss]), delimiter=",", header="n_params,tokens,loss", comments="")
        began = time.perf_counter()
        runs = laws.read_runs(path)
        read = time.perf_counter() - began
    took = milliseconds(lambda: laws.fit(runs, "chinchilla"), 1) / 1e3
    print(f"{len(runs):,} rows: read in {read:.1f} s, fitted in {took:.1f} s")


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks fits", description=__doc__)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--million", action="store_true", help="a table of a million rows too")
    options = parser.parse_args(arguments)
    if any(os.environ.get(name) != "1" for name in ONE_THREAD):  # numpy reads them when it is first imported
        again = [sys.executable, "-m", "tests.benchmarks", "fits", *arguments]
        raise SystemExit(subprocess.run(again, env=os.environ | ONE_THREAD, check=False).returncode)
    for n_runs in (16, 25, 49):
        of_forms(n_runs, options.repeats)
    of_public(options.repeats)
    if options.million:
        of_a_million()
