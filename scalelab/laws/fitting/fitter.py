"""`fit`: runs and a law in, a Fit out. One road for every form: grid, Newton, scale, covariance, verdict.

Knows forms only as data; nothing here asks which law it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.diagnose import identify
from scalelab.laws.fits import Estimate, Fit, Mend, Verdict
from scalelab.laws.fitting.fixed import fixed_entries
from scalelab.laws.fitting.objective import Objective, robust_scale
from scalelab.laws.fitting.pieces import rows_of, spread_rows
from scalelab.laws.fitting.solve import Solution, bounds, solve, solve_all
from scalelab.laws.fitting.table import Law
from scalelab.laws.flops import flops_table
from scalelab.laws.forms import Form, Inputs, form_named
from scalelab.laws.intervals.delta import covariance, effective_dof, estimates, t_quantile
from scalelab.laws.runs import Array, Mask, RunTable, check_spread, without_impossible

SPARE_RUNS = 3
"""A law is refused unless there are this many more runs than parameters."""
SHOWN_RESIDUALS = 5_000


def fit(
    runs: RunTable,
    law: str = "chinchilla",
    objective: str | None = None,
    *,
    fix: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> Fit:
    """Fit a law to runs.

    Parameters
    ----------
    runs : RunTable
        Finished runs. `weight` is relative precision: a run of weight 2 counts as one listed twice. Only ratios
        matter, since weights are divided by their mean; `Fit.sigma` is then the scatter of ln loss of a run of mean
        weight for "least-squares", and of the typical run, whatever its weight, for the robust objectives. Use
        1/(seed variance + evaluation variance), never the number of tokens.
    law : str
        A name in `laws.FORMS`.
    objective : str, optional
        "huber" (δ from the data), "hoffmann" (sum of Huber, δ = 1e-3; arXiv 2203.15556) or "least-squares".
        By default what the form asks for: exact least squares for the power law, "huber" for the others.
    fix : mapping of str to float, optional
        Reported numbers that stay at a value, such as {"E": 1.69}; coefficients themselves and not their logs.
    level : float
        Of the intervals.

    Raises
    ------
    BadInput
        Unknown law or objective, fewer runs than free parameters + 3 (20 for "interaction"), no spread in N or D,
        equal losses, a number
        that cannot be fixed or not at that value, a law of repeated data for runs that repeat none.
    """
    form = form_named(law)
    kind = objective_named(objective or form.default_objective)
    runs = without_impossible(runs)
    ready, weight = _ready(runs, form, fix), weights_of(runs)
    with sound_numbers(form):
        solution = solve(form, ready.inputs, runs.loss, weight, kind, fixed=ready.fixed)
        return _finish(form, kind, runs, ready.inputs, weight, solution, fix or {}, level)


def fit_each(
    runs: RunTable,
    laws: Sequence[str],
    objective: str | None = None,
    *,
    fix: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> dict[str, Fit | BadInput]:
    """Several laws fitted to the same runs at once, which takes a third of the time that one after another takes.

    Of each law its fit, or why it has none; arguments as for `fit`. BadInput for an unknown law or objective.
    """
    runs = without_impossible(runs)
    found: dict[str, Fit | BadInput] = {}
    ready: dict[Objective, list[Law]] = {}
    for form in [form_named(law) for law in laws]:
        kind = objective_named(objective or form.default_objective)
        try:
            ready.setdefault(kind, []).append(_ready(runs, form, fix))
        except BadInput as problem:
            found[form.name] = problem
    for kind, some in ready.items():
        found |= _fitted(runs, some, kind, fix or {}, level)
    return {law: found[law] for law in laws}


def _ready(runs: RunTable, form: Form, fix: Mapping[str, float] | None) -> Law:
    """A form that these runs allow to be fitted."""
    check_enough(runs, form, len(fix or ()))
    check_spread(runs)
    return Law(form=form, inputs=inputs_of(runs, form), fixed=fixed_entries(form, fix, runs.loss))


def _fitted(
    runs: RunTable, laws: Sequence[Law], kind: Objective, fix: Mapping[str, float], level: float
) -> dict[str, Fit | BadInput]:
    """All of them, or where the matrices of one break, each by itself."""
    weight = weights_of(runs)
    try:
        with np.errstate(all="ignore"):
            solutions = solve_all(laws, runs.loss, weight, kind)
            return {
                law.form.name: _finish(law.form, kind, runs, law.inputs, weight, solution, fix, level)
                for law, solution in zip(laws, solutions, strict=True)
            }
    except np.linalg.LinAlgError:
        return {law.form.name: _alone(runs, law.form.name, kind, fix, level) for law in laws}


def _alone(runs: RunTable, law: str, kind: Objective, fix: Mapping[str, float], level: float) -> Fit | BadInput:
    try:
        return fit(runs, law, kind, fix=fix, level=level)
    except BadInput as problem:
        return problem


@contextmanager
def sound_numbers(form: Form) -> Iterator[None]:
    """Tell in words where runs are so far from any law that matrices break."""
    try:
        with np.errstate(all="ignore"):  # trial points may overflow; what is kept is checked
            yield
    except np.linalg.LinAlgError:
        raise BadInput(
            f"{form.name} cannot be fitted to these runs: their numbers are too far from any such law",
            todo="look at the units of N, D and loss",
        ) from None


def objective_named(name: str) -> Objective:
    """The objective of a name; BadInput lists the known ones."""
    try:
        return Objective(name)
    except ValueError:
        raise BadInput(f"no objective is named {name[:60]!r}", allowed=", ".join(Objective)) from None


def runs_for(form: Form, n_fixed: int = 0) -> int:
    """Runs from which on a law is fitted."""
    return max(form.n_free - n_fixed + SPARE_RUNS, form.least_runs)


def check_enough(runs: RunTable, form: Form, n_fixed: int = 0) -> None:
    """Refuse a law with more free parameters than runs − 3, or one that the runs say nothing of."""
    free = form.n_free - n_fixed
    need = runs_for(form, n_fixed)
    if len(runs) < need:
        raise BadInput(
            f"{form.name} has {free} parameters and there are {len(runs)} runs",
            allowed=f"{need} runs or more",
            todo=f"finish {need - len(runs)} more, or fit a law with fewer parameters",
        )
    for name in form.variables:
        if getattr(runs, name) is None:
            raise BadInput(f"{form.name} needs {name} of every run", todo="give that column, or fit another law")
    lacking = form.lacks(inputs_of(runs, form)) if form.lacks else None
    if lacking:
        raise BadInput(f"{form.name} cannot be fitted: {lacking}", todo="fit a law without it, such as chinchilla")


def inputs_of(runs: RunTable, form: Form) -> Inputs:
    """The runs as the form sees them."""
    return Inputs.of(runs.n_params, runs.n_tokens, **{name: getattr(runs, name) for name in form.variables})


def weights_of(runs: RunTable) -> Array:
    """Relative precisions with mean one, so that their unit does not matter."""
    if runs.weight is None:
        return np.ones(len(runs))
    weight: Array = runs.weight / runs.weight.mean()
    return weight


def _finish(
    form: Form,
    kind: Objective,
    runs: RunTable,
    inputs: Inputs,
    weight: Array,
    solution: Solution,
    fix: Mapping[str, float],
    level: float,
) -> Fit:
    """Everything that is said about a solution."""
    theta, n, p = solution.theta, len(runs), form.n_free - len(fix)
    lower, upper = bounds(form, runs.loss, {form.reported_as(name).needs[0]: np.nan for name in fix})
    held = (theta <= lower + 1e-9 * np.abs(lower)) | (theta >= upper - 1e-9 * np.abs(upper))
    free = ~held & ~np.isnan(lower)
    log_loss = np.log(runs.loss)
    node = form.compose(theta[None], form.prepare(inputs))
    jacobian, residuals = np.broadcast_to(node.gradient()[0], (n, len(theta))), log_loss - node.value[0]
    if not (np.isfinite(theta).all() and np.isfinite(residuals).all()):
        raise np.linalg.LinAlgError
    cov = covariance(jacobian, residuals, weight, solution.delta, free, p)
    quantile = t_quantile(effective_dof(residuals, solution.delta, p), level)
    numbers = tuple(_given(item, fix) for item in estimates(form, theta, cov, quantile, held))
    condition, verdict, mend = identified(form, theta, inputs, jacobian, free)
    shown = n <= SHOWN_RESIDUALS
    second = solution.second
    spread = float(((log_loss - log_loss.mean()) ** 2).sum())
    return Fit(
        law=form.name, objective=str(kind), theta=floats(theta), covariance=tuple(floats(row) for row in cov),
        t_quantile=quantile, level=level, estimates=numbers, n_runs=n, n_free=p, dof=n - p,
        r2_log=1.0 - float((residuals**2).sum()) / spread,
        objective_value=solution.objective,
        sigma=_scatter(kind, residuals, weight, p),
        delta=None if np.isinf(solution.delta) else solution.delta,
        converged=solution.converged, iterations=solution.iterations, starts=solution.starts,
        bounds_hit=tuple(number.name for number in numbers if number.at_bound),
        second_objective=None if second is None else second[0],
        second_theta=None if second is None else floats(second[1]),
        condition=condition, verdict=verdict, mend=mend,
        run_id=runs.run_id if shown else (), residuals=floats(residuals) if shown else (),
        n_range=_range(runs.n_params), d_range=_range(runs.n_tokens), c_range=_range(runs.compute),
        flops_table=flops_table(runs), count_name=runs.count_name, n_excluded=runs.n_excluded,
        fixed=tuple(fix),
    )  # fmt: skip


def _given(item: Estimate, fix: Mapping[str, float]) -> Estimate:
    """An estimate, or the value that the caller gave in its place."""
    if item.name not in fix:
        return item
    value = float(fix[item.name])
    return Estimate(name=item.name, value=value, low=value, high=value, se=0.0, fixed=True)


def identified(
    form: Form, theta: Array, inputs: Inputs, jacobian: Array, free: Mask
) -> tuple[float, Verdict, Mend | None]:
    """Condition number, its verdict, and the run that would mend it where it is not good.

    Of a large table some runs, evenly along compute, tell it as well as all.
    """
    if len(inputs.log_n) > SHOWN_RESIDUALS:
        some = spread_rows(inputs, SHOWN_RESIDUALS)
        inputs, jacobian = rows_of(inputs, some), jacobian[some]
    middle = (float(inputs.log_n.mean()), float(inputs.log_d.mean()))
    condition = identify.condition_number(identify.centred(form, jacobian, middle)[:, free])
    verdict = identify.verdict_of(condition)
    return condition, verdict, None if verdict is Verdict.GOOD else identify.mend(form, theta, inputs, free)


def _scatter(kind: Objective, residuals: Array, weight: Array, n_free: int) -> float:
    if kind is Objective.LEAST_SQUARES:
        return float(np.sqrt((weight * residuals**2).sum() / max(len(residuals) - n_free, 1)))
    return robust_scale(residuals, n_free)


def floats(values: Array) -> tuple[float, ...]:
    """An array as plain numbers."""
    return tuple(float(value) for value in values)


def _range(column: Array) -> tuple[float, float]:
    return float(column.min()), float(column.max())
