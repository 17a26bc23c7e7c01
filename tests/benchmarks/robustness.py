"""How far one wrong run moves a tenfold prediction, by one law and by what `assess` predicts with.

Beside each what leaving that run out moves the same prediction by: no fit can do better; and in how many labs `assess`
predicts to .05 % what it predicts without the run.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from scalelab import laws
from tests.laws.intervals.labs import Truth, truth

SAME = 5e-4
"""Of ln loss: predictions nearer than this are one."""
PROMISED = 0.008
"""Of the loss: what LAWS promises that one wrong run moves the prediction by at most."""


def moves(n_runs: int, labs: int, off: float, *, largest: bool, panel: bool = False) -> np.ndarray:
    """|ln| of the tenfold prediction with a wrong run against that of the right ones, without that run against it, and
    with the wrong one against without it: (labs, 3).

    The wrong run is the one of the largest compute, or any; the prediction is chinchilla's, or that of the panel.
    """
    found = []
    for seed in range(labs):
        law = truth(n_runs, seed)
        runs = law.lab(seed)
        wrong = which(runs, seed, largest=largest)
        clean, with_it, without = (
            _tenfold(table, law, panel=panel)
            for table in (runs, spoilt(runs, wrong, off), runs.take(np.arange(n_runs) != wrong))
        )
        found.append((abs(with_it - clean), abs(without - clean), abs(with_it - without)))
    return np.array(found)


def which(runs: laws.RunTable, seed: int, *, largest: bool) -> int:
    """The run that will be wrong."""
    return int(runs.compute.argmax() if largest else np.random.default_rng((3, seed)).integers(len(runs)))


def spoilt(runs: laws.RunTable, wrong: int, off: float) -> laws.RunTable:
    """The runs with one that is off."""
    loss = runs.loss.copy()
    loss[wrong] *= 1.0 + off
    return replace(runs, loss=loss)


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
    print(f"{'':21} {'chinchilla':^43} {'assess':^43}\n{'runs':>4} {'wrong run':16}", end="")
    print(f" {'with it':>21} {'left out':>21} {'with it':>21} {'left out':>21}  as left out")
    for n_runs in (16, 25, 48):
        for off in (0.1, 0.5):
            for largest in (False, True):
                found = moves(n_runs, labs, off, largest=largest)
                told = moves(n_runs, labs, off, largest=largest, panel=True)
                cells = " ".join(f"{_cell(column):>21}" for column in (*found.T[:2], *told.T[:2]))
                name = f"{'largest' if largest else 'any'} +{off:.0%}"
                print(f"{n_runs:4} {name:16} {cells} {np.mean(told[:, 2] < SAME):12.2f}", flush=True)


def _cell(moved: np.ndarray) -> str:
    low, high, worst = 100 * np.quantile(moved, [0.5, 0.9, 1.0])
    return f"{low:.2f} {high:.2f} {worst:.2f}, {np.mean(moved < PROMISED):.2f}"
