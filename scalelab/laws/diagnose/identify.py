"""Whether the runs can tell a law's parameters apart, and which one more run would help most.

The measure is the condition number of the Jacobian of ln L by θ, centred (each exponent turns about the mean of its
variable) and with columns scaled to unit length: a 5×5 grid has 27, runs that all have D = 20·N have 1.7e7.
"""

from __future__ import annotations

import numpy as np

from scalelab.laws.fits import Mend, Verdict
from scalelab.laws.forms import Form, Inputs
from scalelab.laws.runs import Array, Mask, RunTable

CAUTION, WITHHOLD = 60.0, 300.0
RIDGE = 1e-9
"""Information below this share of a parameter's own is rounding."""
ROUNDED = 0.03
"""Scatter of ln D about a line in ln N, and of ln N about one in ln D, that is no design: budgets are rounded to whole
steps. It moves a loss by some thousandths, as noise does."""
REACH = 2.0
"""How far above the runs, in N, D and compute, the next one may lie: a factor."""
NEW = 0.2
"""Distance in ln N and ln D from every run that makes a run a new one."""
WORST = 1e15
"""Condition numbers end here: beyond it they are rounding."""


def verdict_of(condition: float) -> Verdict:
    """The word for a condition number."""
    if condition < CAUTION:
        return Verdict.GOOD
    return Verdict.CAUTION if condition <= WITHHOLD else Verdict.WITHHOLD


def centred_jacobian(form: Form, theta: Array, inputs: Inputs, middle: tuple[float, float]) -> Array:
    """∂ ln L/∂θ (n, p) where each coefficient is the term's size at the middle of ln N and ln D."""
    return centred(form, form.gradient(theta, inputs), middle)


def centred(form: Form, jacobian: Array, middle: tuple[float, float]) -> Array:
    """A Jacobian by θ itself, turned into that one."""
    jacobian = jacobian.copy()
    for coefficient, exponent, variable in form.pairs:
        mean = middle[0] if variable.endswith("n") else middle[1]
        jacobian[:, exponent] += (-mean if variable.startswith("-") else mean) * jacobian[:, coefficient]
    return jacobian


def condition_number(jacobian: Array) -> float:
    """Of the columns scaled to unit length; at most 1e15."""
    size = np.linalg.norm(jacobian, axis=0)
    if jacobian.shape[1] == 0:
        return 1.0
    if (size == 0).any() or not np.isfinite(jacobian).all():
        return WORST
    values = np.linalg.svd(jacobian / size, compute_uv=False)
    return float(min(values[0] / max(values[-1], values[0] / WORST), WORST))


def collinear(runs: RunTable) -> bool:
    """Whether N and D moved together so that no law can tell one from the other: by the condition number of their logs,
    or since one tells the other to within what budgets are rounded by.
    """
    if len(runs) < 3:
        return True
    logs = np.column_stack([np.log(column) - np.log(column).mean() for column in (runs.n_params, runs.n_tokens)])
    if condition_number(logs) > WITHHOLD:
        return True
    spread = np.sqrt((logs**2).mean(axis=0))
    together = float((logs[:, 0] * logs[:, 1]).mean() / spread.prod())
    return bool(spread.max() * np.sqrt(max(1.0 - together**2, 0.0)) < ROUNDED)


def mend(form: Form, theta: Array, inputs: Inputs, free: Mask) -> Mend | None:
    """The new (N, D) near the runs, at no more than `REACH` times their largest compute, that
    tells most about all parameters.

    That is the one with the largest determinant of the Gram matrix: it names a good first run even where one run does
    not suffice.
    """
    middle = (float(inputs.log_n.mean()), float(inputs.log_d.mean()))
    have = centred_jacobian(form, theta, inputs, middle)[:, free]
    candidates = _candidates(inputs)
    rows = centred_jacobian(form, theta, candidates, middle)[:, free]
    grams = have.T @ have + rows[:, :, None] * rows[:, None, :]
    unit = 1.0 / np.maximum(np.linalg.norm(have, axis=0), 1e-150)
    best = int(np.linalg.slogdet(grams * np.outer(unit, unit) + RIDGE * np.eye(len(unit)))[1].argmax())
    after = condition_number(np.vstack([have, rows[best]]))
    if after >= condition_number(have):
        return None
    return Mend(
        n_params=float(np.exp(candidates.log_n[best])), n_tokens=float(np.exp(candidates.log_d[best])), condition=after
    )


def _candidates(inputs: Inputs) -> Inputs:
    """A grid over the runs' ranges and `REACH` above them, without what costs too much or was run already."""
    reach, steps = np.log(REACH), np.linspace(0.0, 1.0, 9)
    n, d = np.meshgrid(
        *(col.min() + (np.ptp(col) + reach) * steps for col in (inputs.log_n, inputs.log_d)),
        indexing="ij",
    )
    affordable = n + d <= (inputs.log_n + inputs.log_d).max() + reach
    n, d = n[affordable], d[affordable]
    apart = np.abs(n[:, None] - inputs.log_n) + np.abs(d[:, None] - inputs.log_d)
    new = apart.min(axis=1) > NEW
    return Inputs(log_n=n[new], log_d=d[new], extra={})
