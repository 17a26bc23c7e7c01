"""How often a fit ends above the best minimum that many starts find: tables of every kind, each law, two objectives.

The tables are simulated labs of chinchilla's law, labs of every other law's truth (so that most laws are wrong for
them), labs with one wrong run, runs scattered without a grid, and the public ones where they are. The reference of each
case is the lowest that the fit itself, starts about it and starts anywhere on the law's axes reach with hundreds of
steps. A fit is lost where its objective is more than a millionth higher.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws import RunTable
from scalelab.laws.fitting import grid
from scalelab.laws.fitting.fitter import inputs_of, weights_of
from scalelab.laws.fitting.newton import minimise
from scalelab.laws.fitting.objective import HOFFMANN_DELTA
from scalelab.laws.fitting.pieces import problem_of
from scalelab.laws.forms import FORMS, Form
from scalelab.laws.forms.form import Kind
from tests.benchmarks.splits import DATA
from tests.laws.fitting.truths import table_of
from tests.laws.simulated import SHAPES, chinchilla_loss, lab

LAWS = tuple(name for name in FORMS if name not in ("power", "compute"))
OBJECTIVES = {"hoffmann": HOFFMANN_DELTA, "least-squares": np.inf}
LOST = 1e-6
"""Relative excess of an objective over the best known."""
STEPS = 300
NEARBY = {Kind.LEVEL: 0.1, Kind.SCALE: 1.0, Kind.EXPONENT: 0.1, Kind.SLOPE: 0.1, Kind.REPEATS: 0.5}
"""Scatter of starts about the fit."""


@dataclass(frozen=True)
class Case:
    """One law on one table, and how its fit compares with the best minimum known."""

    name: str
    excess: float
    """Relative, over the best known; 0 where nothing lower is known."""
    converged: bool


def tables(seeds: int) -> Iterator[tuple[str, RunTable]]:
    """Every table by name."""
    for seed in range(seeds):
        for n_runs in SHAPES:
            for noise in (0.002, 0.01):
                yield f"lab-{n_runs}-{noise}-{seed}", lab(n_runs, seed=seed, noise=noise)
        for form in FORMS.values():
            yield f"{form.name}-{seed}", table_of(form, noise=0.004, seed=seed)[0]
        yield f"wrong-{seed}", _with_a_wrong_run(seed)
        yield f"scattered-{seed}", _scattered(seed)
    if DATA.is_dir():
        yield from _public()


def _with_a_wrong_run(seed: int) -> RunTable:
    runs, rng = lab(25, seed=seed), np.random.default_rng(seed)
    loss = runs.loss.copy()
    loss[rng.integers(25)] *= 1.0 + rng.choice([-0.1, 0.1, 0.5])
    return laws.run_table(n_params=runs.n_params, n_tokens=runs.n_tokens, loss=loss)


def _scattered(seed: int) -> RunTable:
    rng = np.random.default_rng(seed)
    n = np.exp(rng.uniform(np.log(1e6), np.log(3e8), 20))
    d = n * np.exp(rng.uniform(np.log(5.0), np.log(100.0), 20))
    loss = chinchilla_loss(n, d) * np.exp(0.004 * rng.standard_normal(20))
    return laws.run_table(n_params=n, n_tokens=d, loss=loss)


def _public() -> Iterator[tuple[str, RunTable]]:
    for name, where in (
        ("chinchilla_epoch", "outlier=0"), ("olmo_ladder", "series=ladder"), ("gemstones", "series=hot"),
        ("muennighoff", None),
    ):  # fmt: skip
        yield name, laws.read_runs(DATA / f"{name}.csv", where=where)
    porian = laws.read_runs(DATA / "porian.csv")
    yield "porian, every 30th", porian.take(np.arange(0, len(porian), 30))


def case(name: str, runs: RunTable, law: str, objective: str, starts: int) -> Case | None:
    """Fit, and look for something lower; None where the law refuses the table."""
    try:
        fit = laws.fit(runs, law, objective)
    except BadInput:
        return None
    form, inputs = FORMS[law], inputs_of(runs, FORMS[law])
    problem = problem_of(
        form, inputs, np.log(runs.loss), weights_of(runs), OBJECTIVES[objective], form.bounds(runs.loss)
    )
    first = _starts(form, runs, np.array(fit.theta), starts)
    with np.errstate(all="ignore"):
        found = minimise(problem, first, tolerance=1e-13, most=STEPS, grace=STEPS).objective
    lowest = min(float(found[np.isfinite(found)].min()), fit.objective_value)
    excess = (fit.objective_value - lowest) / lowest if fit.objective_value > lowest + 1e-14 else 0.0
    return Case(f"{name}, {objective}", excess, fit.converged)


def _starts(form: Form, runs: RunTable, near: np.ndarray, count: int) -> np.ndarray:
    """Scattered about a point, and anywhere on the axes with the coefficients that fit best there."""
    rng = np.random.default_rng(0)
    about = near + np.array([NEARBY[kind] for kind in form.kinds]) * rng.standard_normal((count, form.n_free))
    valleys = grid.starts(form, inputs_of(runs, form), runs.loss, weights_of(runs), most=count)
    return np.concatenate([about, valleys])


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks optima", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="tables of each simulated kind; 1 takes a minute")
    parser.add_argument("--starts", type=int, default=6, help="starts about the fit, and as many valleys of its grid")
    parser.add_argument("--laws", nargs="+", default=LAWS, choices=LAWS)
    options = parser.parse_args(arguments)
    known = list(tables(options.seeds))
    print(f"{'law':18}{'cases':>6}{'lost':>7}{'not converged':>15}   worst")
    for law in options.laws:
        tried = [case(name, runs, law, kind, options.starts) for name, runs in known for kind in OBJECTIVES]
        told = [each for each in tried if each is not None]
        lost = [each for each in told if each.excess > LOST]
        worst = max(lost, key=lambda each: each.excess, default=None)
        said = "" if worst is None else f"{100 * worst.excess:.2g} % above ({worst.name})"
        open_ = sum(not each.converged for each in told)
        print(f"{law:18}{len(told):6}{len(lost):7}{open_:15}   {said}", flush=True)
