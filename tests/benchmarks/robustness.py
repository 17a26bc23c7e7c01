"""How far one wrong run moves a tenfold prediction, by one law and by what `assess` predicts with.

Beside them what leaving that run out would move the law: no fit can do better.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from scalelab import laws
from tests.laws.intervals.labs import Truth, truth

PROMISED = 0.008
"""Of the loss: what LAWS promises that one wrong run moves the prediction by at most."""


def moves(n_runs: int, labs: int, off: float, *, largest: bool, panel: bool = False) -> np.ndarray:
    """|ln| of the tenfold prediction with a wrong run against without: (labs, 2), fitted with it and without that run.

    The wrong run is the one of the largest compute, or any; the prediction is chinchilla's, or that of the panel.
    """
    found = []
    for seed in range(labs):
        law = truth(n_runs, seed)
        runs = law.lab(seed)
        any_run = int(np.random.default_rng((3, seed)).integers(n_runs))
        wrong = int(runs.compute.argmax()) if largest else any_run
        loss = runs.loss.copy()
        loss[wrong] *= 1.0 + off
        clean, with_it, without = (
            _tenfold(table, law, panel=panel)
            for table in (runs, replace(runs, loss=loss), runs.take(np.arange(n_runs) != wrong))
        )
        found.append((abs(with_it - clean), abs(without - clean)))
    return np.array(found)


def _tenfold(runs: laws.RunTable, law: Truth, *, panel: bool) -> float:
    if panel:
        return float(np.log(laws.assess(runs).loss(*(np.array([each]) for each in law.tenfold))[0]))
    return float(laws.fit(runs).log_loss(*law.tenfold))


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks robustness", description=__doc__)
    parser.add_argument("--labs", type=int, default=200, help="of each size")
    labs = parser.parse_args(arguments).labs
    print(f"{labs} labs of each size; moved by % (median, 90 %, worst), and the share of labs below {PROMISED:.1%}")
    print(f"{'runs':>4} {'wrong run':16} {'chinchilla, with it':>28} {'left out':>28} {'assess, with it':>28}")
    for n_runs in (16, 25, 48):
        for off in (0.1, 0.5):
            for largest in (False, True):
                found = moves(n_runs, labs, off, largest=largest)
                told = moves(n_runs, labs, off, largest=largest, panel=True)
                cells = [_cell(column) for column in (*found.T, told[:, 0])]
                name = f"{'largest' if largest else 'any'} +{off:.0%}"
                print(f"{n_runs:4} {name:16} {cells[0]:>28} {cells[1]:>28} {cells[2]:>28}", flush=True)


def _cell(moved: np.ndarray) -> str:
    low, high, worst = 100 * np.quantile(moved, [0.5, 0.9, 1.0])
    return f"{low:.2f} {high:.2f} {worst:.2f}, {np.mean(moved < PROMISED):.2f}"
