"""`assess`: every law that the runs allow, the choice between them, the honest checks, the verdicts in words.

Never raises on small or odd tables: it says what is still missing. Fits and assembles; the record it fills is in
assessment.py, the choice in contest.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scalelab.errors import BadInput
from scalelab.laws.choice import contest, wrong
from scalelab.laws.choice.assessment import Assessment, Missing
from scalelab.laws.choice.backtest import BackTest, back_tests, enough_of, held_miss
from scalelab.laws.choice.holdout import PANEL_NAME, Held, HoldOut, from_misses
from scalelab.laws.choice.panel import Panel
from scalelab.laws.choice.verdicts import sentences
from scalelab.laws.diagnose.curvature import curvature_test
from scalelab.laws.diagnose.examine import diagnose
from scalelab.laws.diagnose.identify import collinear
from scalelab.laws.fits import Fit
from scalelab.laws.fitting.fitter import fit, fit_each, objective_named, runs_for
from scalelab.laws.flops import FlopsPerToken
from scalelab.laws.forms import form_named
from scalelab.laws.runs import OF_NO_SIZE, RunTable, check_spread, without_impossible

OFFERED = ("power", "power+E", "chinchilla-tied", "chinchilla", "kaplan", "kaplan+E", "coupled")
FALLBACK = "compute"
"""What is shown where N and D always moved together."""
FURTHER = 10.0
"""The frontier is shown at this many times the largest compute spent."""
SHOWN_EXCLUSIONS = 100


def assess(
    runs: RunTable,
    *,
    laws: Sequence[str] = OFFERED,
    objective: str | None = None,
    flops_per_token: FlopsPerToken | Sequence[tuple[float, float]] | None = None,
    fix: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> Assessment:
    """Everything that can be said about a law from these runs.

    Parameters
    ----------
    runs : RunTable
        Finished runs; none is too few.
    laws : names of forms to try
    objective : for all laws instead of each form's own
    flops_per_token : as for `frontier`
    fix : reported numbers that stay at a value, as for `fit`; a law without one of them is told among the missing
    level : of the intervals

    Raises
    ------
    BadInput
        An unknown law or objective. Small, flat or hopeless tables are described, not refused.
    """
    runs = without_impossible(runs)
    fits, missing = _fits(runs, laws, objective, fix, level)
    residuals = wrong.residuals_of(fits, runs)
    criteria, curvature = contest.aicc(fits, residuals), curvature_test(runs) if fits else None
    gone = wrong.wrong_runs(fits, runs)
    others, believed = wrong.without(fits, gone, runs)
    if believed is not runs:
        residuals = wrong.residuals_of(others, believed)
    shares = wrong.trusted(others, residuals, believed)
    some = enough_of(believed)
    tested = believed if len(some) == len(believed) else believed.take(some)
    tests = back_tests(others, tested, shares[some])
    best = contest.shown(fits, criteria, tests, bends=curvature is not None and curvature.bends)
    panel = contest.panel_of(others, best, tests, laws if tuple(laws) != OFFERED else contest.PANEL)
    scores = contest.scores(fits, criteria, tests, panel)
    draft = Assessment(
        n_runs=len(runs), n_excluded=runs.n_excluded, excluded=runs.excluded[:SHOWN_EXCLUSIONS],
        fits=fits, missing=missing, scores=scores, best=best, reason=contest.reason(fits, best, scores, len(missing)),
        panel=panel, curvature=curvature,
        diagnosis=None if best is None else diagnose(runs, next(fit for fit in fits if fit.law == best)),
        compute_law=_compute_law(runs, fits, objective), hold_outs=_hold_outs(tested, best, tests, panel),
        optimum=None, verdicts=(), set_aside=wrong.left_behind(runs, believed),
    )  # fmt: skip
    further = FURTHER * float(runs.compute.max(initial=0.0))
    if panel is not None and further < OF_NO_SIZE:
        draft = replace(draft, optimum=draft.frontier(further, flops_per_token))
    return replace(draft, verdicts=sentences(draft))


def _fits(
    runs: RunTable, laws: Sequence[str], objective: str | None, fix: Mapping[str, float] | None, level: float
) -> tuple[tuple[Fit, ...], tuple[Missing, ...]]:
    """Every law that can be fitted, and why the others cannot."""
    forms = [form_named(law) for law in laws]
    if objective is not None:
        objective_named(objective)
    try:
        check_spread(runs)
    except BadInput as problem:
        need = {form.name: runs_for(form) - len(runs) for form in forms}
        return (), tuple(Missing(law=law, reason=problem.line(), runs_needed=max(need[law], 1)) for law in need)
    found = fit_each(runs, laws, objective, fix=fix, level=level)
    need = {form.name: max(runs_for(form) - len(runs), 0) for form in forms}
    return tuple(each for each in found.values() if isinstance(each, Fit)), tuple(
        Missing(law=law, reason=each.line(), runs_needed=need[law])
        for law, each in found.items()
        if isinstance(each, BadInput)
    )


def _compute_law(runs: RunTable, fits: Sequence[Fit], objective: str | None) -> Fit | None:
    """The law of compute, where N and D moved together: then no law's exponents mean anything."""
    if not fits or not collinear(runs):
        return None
    try:
        return fit(runs, FALLBACK, objective)
    except BadInput:
        return None


def _hold_outs(
    runs: RunTable, best: str | None, tests: Mapping[str, BackTest], panel: Panel | None
) -> tuple[HoldOut, ...]:
    """What predicts, the shown law and the power law, each without the largest run and the largest budget."""
    seats = [] if panel is None else [tests[member.law] for member in panel.members]
    asked = {PANEL_NAME: seats} if len(seats) > 1 else {}
    asked |= {law: [tests[law]] for law in (best, "power") if law is not None and law in tests}
    found = [(law, held, held_miss(members, held)) for law, members in asked.items() for held in Held]
    return tuple(from_misses(law, held, runs, *missed) for law, held, missed in found if missed is not None)
