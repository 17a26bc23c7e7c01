"""`diagnose`: a fit and its runs in, everything odd about them out. Assembles; each idea has a file of its own.

Cheap enough for every refit of a live lab (a millisecond or two for fifty runs), and bounded: of a table above 20,000
runs the tests look at 20,000 spread evenly over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.diagnose import counts, noise, outliers, pulls, repetition, transients, trends
from scalelab.laws.diagnose.diagnosis import Diagnosis
from scalelab.laws.diagnose.names import FEW, shown
from scalelab.laws.diagnose.tangent import Tangent, tangent_of
from scalelab.laws.fits import Fit
from scalelab.laws.fitting.fitter import SHOWN_RESIDUALS, floats
from scalelab.laws.runs import Mask, RunTable, without_impossible

MOST_EXAMINED = 20_000
Rows = npt.NDArray[np.intp]


def diagnose(runs: RunTable, fit: Fit, *, with_counts: bool = True) -> Diagnosis:
    """What is odd about the runs under a law.

    Parameters
    ----------
    runs : RunTable
        The runs that were fitted.
    fit : Fit
        A law fitted to them, by any objective.
    with_counts : bool
        Whether other counts of N are compared, where the runs carry some: each costs about as much as all the rest.

    Returns
    -------
    Diagnosis
        Outliers by name, runs that the prediction hangs on, the noise floor of replicates and whether the law misses
        by more, points that may be none, repeated data, residuals that lean, counts of N side by side. Nothing is
        removed from the runs.

    Raises
    ------
    BadInput
        The runs lack a column that the law needs, or there are none.
    """
    runs = without_impossible(runs)
    check(runs, fit)
    suspects = transients.suspects(runs)
    runs = _clustered(runs, suspects)
    seen = _spread(len(runs))
    some = runs.take(seen) if len(seen) < len(runs) else runs
    with np.errstate(all="ignore"):  # hopeless fits have parameters whose powers overflow; what is kept is checked
        plane = tangent_of(some, fit)
        named = outliers.find(plane)
        kept, clean = _without(some, plane, named)
        shown_all = len(runs) <= SHOWN_RESIDUALS
        return Diagnosis(
            law=fit.law,
            n_runs=len(runs),
            n_examined=len(some),
            outliers=outliers.describe(some, plane, named),
            pulls=pulls.pulls(runs, fit, plane) if some is runs else (),
            noise=noise.noise_floor(kept, clean, noise.groups(kept)),
            transients=_transients(runs, suspects, kept, clean, seen[~named]),
            repetition=repetition.repetition(runs, kept, clean),
            trends=trends.trends(kept, clean),
            counts=counts.at_a_glance(some, fit) if with_counts else None,
            leverage=floats(plane.hat) if shown_all else (),
            studentised=floats(plane.studentised()) if shown_all else (),
        )


def check(runs: RunTable, fit: Fit) -> None:
    """Refuse runs at which the law cannot be evaluated."""
    if len(runs) == 0:
        raise BadInput("no runs to diagnose", todo="give the runs that were fitted")
    for name in fit.form.variables:
        if getattr(runs, name) is None:
            raise BadInput(f"{fit.law} needs {name} of every run", todo="give the runs that were fitted")


def _spread(n: int) -> Rows:
    """Rows to look at: all, or so many at equal distances."""
    return np.arange(n) if n <= MOST_EXAMINED else np.linspace(0, n - 1, MOST_EXAMINED).astype(np.intp)


def _without(runs: RunTable, plane: Tangent, gone: Mask) -> tuple[RunTable, Tangent]:
    """The other runs and their own plane: a wrong run would lean every further test."""
    return (runs, plane) if not gone.any() else (runs.take(~gone), plane.without(gone))


def _clustered(runs: RunTable, suspects: Sequence[transients.Suspect]) -> RunTable:
    """Checkpoints of one run share its noise: where nobody says which are of one, those of one N are."""
    if runs.cluster is not None or not any(kind is transients.Kind.CHECKPOINTS for kind, _, _ in suspects):
        return runs
    return replace(runs, cluster=tuple(map(str, runs.n_params)))


def _transients(
    runs: RunTable, suspects: Sequence[transients.Suspect], kept: RunTable, clean: Tangent, seen: Rows
) -> tuple[transients.Transient, ...]:
    """Suspects are counted among all runs, and weighed among those that were looked at and are not outliers."""
    found = []
    for kind, bound, which in suspects:
        item = transients.weighed(kept, clean, kind, bound, which[seen])
        some = tuple(shown(runs.run_id[i]) for i in np.flatnonzero(which)[:FEW])
        found.append(replace(item, n_runs=int(which.sum()), runs=some))
    return tuple(found)
