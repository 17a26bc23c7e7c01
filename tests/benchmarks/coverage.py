"""How often 95 % intervals hold the truth: simulated labs with other truths, noises and grids each, by size of lab."""

from __future__ import annotations

import argparse

import numpy as np

from scalelab import laws
from tests.laws.intervals.labs import SHAPES, Truth, truth

TENFOLD = "10x"
"""The column of the prediction at ten times the largest compute."""


def hits(runs: laws.RunTable, law: Truth, method: str, objective: str | None) -> dict[str, bool]:
    """Which intervals of one lab hold the truth."""
    name = "chinchilla" if "beta" in law.numbers else "chinchilla-tied"
    fit = laws.fit(runs, name, objective)
    if method != "t":
        fit = laws.intervals_of(fit, runs, method)
    held = {number.name: number.low <= law.numbers[number.name] <= number.high for number in fit.estimates}
    told = fit.predict(*law.tenfold)
    held[TENFOLD] = told.low <= float(law.loss(*law.tenfold)) <= told.high
    return held


def shares(n_runs: int, labs: int, *, tied: bool, method: str = "t", objective: str | None = None) -> dict[str, float]:
    """Share of labs whose interval holds the truth, by number."""
    found: dict[str, list[bool]] = {}
    for seed in range(labs):
        law = truth(n_runs, seed, tied=tied)
        for name, held in hits(law.lab(seed), law, method, objective).items():
            found.setdefault(name, []).append(held)
    return {name: float(np.mean(column)) for name, column in found.items()}


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks coverage", description=__doc__)
    parser.add_argument("--labs", type=int, default=2000, help="of each size: a share's error is .005 for 2,000")
    parser.add_argument("--method", default="t", help="t, profile or bootstrap")
    parser.add_argument("--objective", help="default: the fit's own")
    asked = parser.parse_args(arguments)
    error = (0.95 * 0.05 / asked.labs) ** 0.5
    print(f"{asked.labs} labs of each size, method {asked.method}; one share's standard error {error:.3f}")
    columns = ("E", "A", "B", "alpha", "beta", TENFOLD)
    print(f"{'runs':>4} {'law':16}" + "".join(f"{name:>7}" for name in (*columns, "mean")))
    for n_runs in SHAPES:
        for tied in (True, False) if n_runs == 9 else (False,):
            found = shares(n_runs, asked.labs, tied=tied, method=asked.method, objective=asked.objective)
            cells = [f"{found[name]:7.3f}" if name in found else f"{'':7}" for name in columns]
            law = "chinchilla-tied" if tied else "chinchilla"
            print(f"{n_runs:4} {law:16}" + "".join(cells) + f"{np.mean(list(found.values())):7.3f}", flush=True)
