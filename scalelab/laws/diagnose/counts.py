"""Conventions of N side by side: the same runs and law with parameters of the blocks, with the head, or in all.

Which count is right is no matter of taste alone: in small models the embedding is most of N, and a law in the wrong
count scatters and bends (Porian et al. 2024, arXiv 2406.19146; Pearce and Song 2024, arXiv 2406.12907).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.diagnose.curvature import bend_of
from scalelab.laws.diagnose.tangent import finite
from scalelab.laws.fits import Fit
from scalelab.laws.fitting.fitter import fit, inputs_of, objective_named, sound_numbers, weights_of
from scalelab.laws.fitting.newton import Problem, minimise
from scalelab.laws.fitting.objective import EFFICIENT, LEAST_SCALE, Objective, huber, robust_scale
from scalelab.laws.forms import Form
from scalelab.laws.runs import Array, RunTable

CLEAR = 10.0
"""AICc that far above the lowest leaves a count no support (Burnham and Anderson 2002)."""
UNLIKE = 0.2
"""Exponents that differ by more than this share are worth a word."""
STEPS, NEAR = 8, 1e-3
"""Newton's steps from the law in the count that was fitted to the law in another, and the relative decrease of the
objective that no longer counts: it moves AICc by a thousandth of the number of runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountScore:
    """One law with one count of N."""

    count: str
    """Its name: "n_params", "n_blocks", "n_total", or a column's."""
    sigma: float
    """Scatter of ln loss about the law, by the Huber loss that all counts share."""
    aicc: float
    """Above the lowest of all counts."""
    exponents: Mapping[str, float]
    """The law's exponents in this count."""
    bend: float | None
    """F of the test for a bend of the plain power law: the smaller, the straighter; None below nine runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """All counts of one table under one law."""

    law: str
    used: str
    """The count of the fit."""
    scores: tuple[CountScore, ...]
    """The used one first."""

    @property
    def best(self) -> CountScore:
        """The count in which the law scatters least."""
        return min(self.scores, key=lambda score: score.aicc)

    @property
    def straightest(self) -> CountScore | None:
        """The count in which the plain power law bends least; None where that cannot be told."""
        told = [score for score in self.scores if score.bend is not None]
        return min(told, key=lambda score: score.bend or 0.0) if told else None

    @property
    def clear(self) -> bool:
        """Whether another count than the used one leaves it no support."""
        return self.scores[0].aicc >= CLEAR

    def sentence(self) -> str:
        """The comparison in words."""
        used, best = self.scores[0], self.best
        if self.clear:
            return (
                f"counted as {best.count} instead of {used.count}, {self.law} scatters {100 * best.sigma:.2g} % "
                f"instead of {100 * used.sigma:.2g} % (AICc lower by {used.aicc:.3g}): give --count {best.count}"
            )
        doubtful = [score.count for score in self.scores[1:] if score.aicc < CLEAR]
        if not doubtful:
            return f"{used.count} is the count of N in which {self.law} fits best ({100 * used.sigma:.2g} % scatter)"
        words = f"{self.law} fits about as well whether N is {used.count} or {' or '.join(doubtful)}"
        if not self.depends:
            return words
        name, other = self._most_unlike(doubtful)
        return (
            f"{words}, but {name} is {used.exponents[name]:.2g} in the one and {other.exponents[name]:.2g} in "
            f"{other.count}: say which N is meant wherever an exponent is told"
        )

    @property
    def depends(self) -> bool:
        """Whether the exponents are others in a count that fits about as well."""
        doubtful = [score.count for score in self.scores[1:] if score.aicc < CLEAR]
        if self.clear or not doubtful:
            return False
        name, other = self._most_unlike(doubtful)
        used = self.scores[0].exponents[name]
        return abs(used - other.exponents[name]) > UNLIKE * abs(used)

    def _most_unlike(self, counts: Sequence[str]) -> tuple[str, CountScore]:
        """The exponent, and the count among these, that differ most from those in use."""
        used = self.scores[0].exponents
        pairs = [(name, score) for score in self.scores if score.count in counts for name in used]
        return max(
            pairs, key=lambda pair: abs(used[pair[0]] - pair[1].exponents[pair[0]]) / (abs(used[pair[0]]) + 1e-9)
        )


def compare_counts(runs: RunTable, law: str = "chinchilla", objective: str | None = None) -> Counts:
    """A law fitted anew with each count of N that the runs carry.

    Parameters
    ----------
    runs : RunTable
        With other counts of N in `counts`; its own `n_params` is the first compared.
    law : str
        A name in `laws.FORMS`.
    objective : str, optional
        As for `fit`.

    Raises
    ------
    BadInput
        The runs carry no other count, or the law cannot be fitted to them.
    """
    if not runs.counts:
        raise BadInput(
            f"the runs carry one count of N, {runs.count_name[:60]}", todo="give a column such as n_blocks or n_total"
        )
    fits = {name: fit(runs.recounted(name), law, objective) for name in (runs.count_name, *runs.counts)}
    form, kind = next(iter(fits.values())).form, objective_named(next(iter(fits.values())).objective)
    return _compared(runs, form, kind, {name: np.array(found.theta) for name, found in fits.items()})


def at_a_glance(runs: RunTable, found: Fit) -> Counts | None:
    """The same in a millisecond or two: each other count from the fit in hand, by a few steps. None without counts."""
    if not runs.counts:
        return None
    form = found.form
    delta = np.inf if found.delta is None else found.delta
    thetas = {runs.count_name: np.array(found.theta)}
    for name in runs.counts:
        try:
            thetas[name] = _recounted(runs, runs.recounted(name), form, thetas[runs.count_name], delta)
        except BadInput:
            continue
    return _compared(runs, form, objective_named(found.objective), thetas)


def _recounted(runs: RunTable, other: RunTable, form: Form, theta: Array, delta: float) -> Array:
    """θ of the law in another count: coefficients turned by the mean ratio of the counts, then Newton's steps."""
    shift = float(np.log(other.n_params / runs.n_params).mean())
    start = theta.copy()
    for coefficient, exponent, variable in form.pairs:
        if variable.endswith("n"):
            start[coefficient] += (-shift if variable.startswith("-") else shift) * theta[exponent]
    prepared = form.prepare(inputs_of(other, form))
    lower, upper = form.bounds(runs.loss)
    problem = Problem(
        build=lambda theta: form.compose(theta, prepared), target=np.log(runs.loss), weight=weights_of(runs),
        delta=delta, lower=lower, upper=upper,
    )  # fmt: skip
    with sound_numbers(form):
        theta = minimise(problem, start[None], tolerance=NEAR, most=STEPS, near=True).theta[0]
    return theta


def _compared(runs: RunTable, form: Form, kind: Objective, thetas: Mapping[str, Array]) -> Counts:
    """Scores by one Huber loss for all, that of the count with the least scatter, so that nothing but N differs; all
    laws have the same parameters, so that AICc differs by n · ln of it alone.
    """
    n, weight = len(runs), weights_of(runs)
    tables = {name: runs.recounted(name) for name in thetas}
    residuals = {
        name: finite(np.log(runs.loss) - form.log_loss(theta, inputs_of(tables[name], form)))
        for name, theta in thetas.items()
    }
    scale = min(robust_scale(values, form.n_free) for values in residuals.values())
    delta = np.inf if kind is Objective.LEAST_SQUARES else EFFICIENT * scale
    squares = {
        name: max(2.0 * float((weight * huber(values, delta)).sum()), n * LEAST_SCALE**2)
        for name, values in residuals.items()
    }
    least = min(squares.values())
    scores = tuple(
        CountScore(
            count=name,
            sigma=float(np.sqrt(squares[name] / max(n - form.n_free, 1))),
            aicc=n * float(np.log(squares[name] / least)),
            exponents=_exponents(form, theta),
            bend=bend_of(tables[name]),
        )
        for name, theta in thetas.items()
    )
    return Counts(law=form.name, used=runs.count_name, scores=scores)


def _exponents(form: Form, theta: Array) -> dict[str, float]:
    """What the law reports on its own scale, the floor apart."""
    return {item.name: float(np.real(item.value(theta))) for item in form.reported if not item.log and item.name != "E"}
