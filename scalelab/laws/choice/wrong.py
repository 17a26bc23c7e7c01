"""Which run is wrong, and the laws of the others: what predicts is then what a lab without it would predict.

A wrong run bends every law towards itself, the largest most of all, so that nothing which is measured from those laws
takes all of that away again: the run has to go, and the laws have to be fitted again. Whether it goes is decided by the
test that names outliers (`diagnose.outliers`), far beyond the level at which one is named. Knows fits and runs; no law
by its shape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.choice.backtest import trust
from scalelab.laws.diagnose.names import shown
from scalelab.laws.diagnose.outliers import each_p, find, scatter_of_others
from scalelab.laws.diagnose.tangent import Tangent, project, tangent_of
from scalelab.laws.fits import Fit
from scalelab.laws.fitting.fitter import fit_each, inputs_of
from scalelab.laws.fitting.objective import LEAST_SCALE, robust_scale
from scalelab.laws.runs import Array, Mask, RunTable, check_spread

LEVEL = 1e-3
"""Share of clean tables that would lose a run if a law were true. Of 16 runs of which one is 10 % off that one goes in
94 to 100 % of labs, of 25 and 48 in all."""
STILL = ((3, 20, 0.01), (3, 10, 0.1), (2, 2, 0.05))
"""Powers of ln N and ln D up to the first number, by which the law may bend besides while the run must still contradict
the others at the last: the first line that leaves so many spare runs. Real laws are wrong at the edges of a table,
where one run alone may show it, and that run must stay. Fewer spare runs see less: at these levels a run that is 10 %
off goes as often as without, in labs of a known law, but for one of forty where it is the largest of 25."""
MOST = 2
"""Runs that are set aside; where more contradict the others the law is wrong, or the table, and not those runs."""
ALIKE = 1.5
"""Laws are asked whose scatter, without the run that each contradicts most, is at most this many times the least."""
ONCE = 1.0001
"""Tokens over unique tokens that are no repetition."""
MOST_RUNS = 2_000
"""A table of more runs has neighbours for each: a wrong one hardly moves its laws."""
MOST_PULL = 0.9
"""A run that makes its own fit cannot be told to be wrong: beyond this share of pull distances are not stretched."""


def residuals_of(fits: Sequence[Fit], runs: RunTable) -> dict[str, Array]:
    """Ln observed − ln law at every run, by law."""
    return {
        fit.law: np.log(runs.loss) - fit.form.log_loss(np.array(fit.theta), inputs_of(runs, fit.form)) for fit in fits
    }


def closest(fits: Sequence[Fit], residuals: Mapping[str, Array]) -> tuple[Fit, float]:
    """The law whose residuals scatter least, with their robust scale."""
    scales = {fit.law: robust_scale(residuals[fit.law], fit.n_free) for fit in fits}
    chosen = min(fits, key=lambda fit: scales[fit.law])
    return chosen, max(scales[chosen.law], LEAST_SCALE)


def wrong_runs(fits: Sequence[Fit], runs: RunTable) -> Mask:
    """The one or two runs that the others contradict: under the law that the others follow best, or one that they
    follow about as well, since a law of many parameters bends to a wrong run where a plainer one does not.

    Never runs of repeated data, which most laws know nothing of.
    """
    none = np.zeros(len(runs), dtype=bool)
    if len(runs) > MOST_RUNS:
        return none
    with np.errstate(all="ignore"):
        planes = [tangent_of(runs, fit) for fit in fits]
        scatters = [scatter_of_others(plane) for plane in planes]
        for place in np.argsort(scatters, kind="stable").tolist():
            if scatters[place] > ALIKE * min(scatters):
                break
            gone = find(planes[place], LEVEL)
            if 0 < gone.sum() <= MOST:
                return gone if _still(planes[place], gone, runs) and not (gone & repeated(runs)).any() else none
    return none


def _still(plane: Tangent, gone: Mask, runs: RunTable) -> bool:
    """Whether the runs contradict the others also where the law may bend as a smooth surface of ln N and ln D."""
    for degree, spare, level in STILL:
        bent = _bending(plane, runs, degree)
        if bent.dof - int(gone.sum()) >= spare:
            return bool(each_p(bent, gone).max() < level)
    return False


def _bending(plane: Tangent, runs: RunTable, degree: int) -> Tangent:
    """The plane widened by powers of ln N and ln D up to a degree, from squares on."""
    logs = (np.log(runs.n_params), np.log(runs.n_tokens))
    x, y = (2.0 * (each - each.min()) / np.ptp(each) - 1.0 for each in logs)
    powers = [x**i * y ** (total - i) for total in range(2, degree + 1) for i in range(total + 1)]
    columns = np.stack(powers, axis=1) * plane.root[:, None]
    return project(np.concatenate([plane.basis, columns], axis=1), plane.residuals + plane.shift, plane.root)


def repeated(runs: RunTable) -> Mask:
    """Runs that saw some tokens more than once."""
    if runs.unique_tokens is None:
        return np.zeros(len(runs), dtype=bool)
    again: Mask = runs.n_tokens > ONCE * runs.unique_tokens
    return again


def without(fits: Sequence[Fit], gone: Mask, runs: RunTable) -> tuple[tuple[Fit, ...], RunTable]:
    """The laws fitted to the other runs, and those; what was given where they would allow none."""
    if not gone.any():
        return tuple(fits), runs
    rest = runs.take(~gone)
    try:
        check_spread(rest)
    except BadInput:
        return tuple(fits), runs
    again = [each for each in _again(fits, rest).values() if isinstance(each, Fit)]
    return (tuple(again), rest) if again else (tuple(fits), runs)


def left_behind(runs: RunTable, rest: RunTable) -> tuple[str, ...]:
    """Names of the runs that the rest lacks."""
    if len(rest) == len(runs):
        return ()
    left = Counter(runs.run_id) - Counter(rest.run_id)
    return tuple(shown(name) for name in left.elements())


def _again(fits: Sequence[Fit], rest: RunTable) -> dict[str, Fit | BadInput]:
    """The same laws as they were asked for, from the grid on: from where the others ended a law with several minima
    may not come back.
    """
    found: dict[str, Fit | BadInput] = {}
    for kind, fixed in {(fit.objective, fit.fixed): None for fit in fits}:
        mine = [fit for fit in fits if (fit.objective, fit.fixed) == (kind, fixed)]
        fix = {name: mine[0].estimate(name).value for name in fixed}
        found |= fit_each(rest, [fit.law for fit in mine], kind, fix=fix, level=mine[0].level)
    return {fit.law: found[fit.law] for fit in fits}


def trusted(fits: Sequence[Fit], residuals: Mapping[str, Array], runs: RunTable) -> Array:
    """Share of each run's weight by how far the plain fit that scatters least would miss it, had it not seen it."""
    if not fits:
        return np.ones(len(runs))
    chosen, scale = closest(fits, residuals)
    spare = 1.0 - np.minimum(tangent_of(runs, chosen).hat, MOST_PULL)
    return trust(np.abs(residuals[chosen.law]) / (scale * spare))
