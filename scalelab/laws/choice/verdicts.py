"""An assessment in words: what a person should know, one sentence each, the most important first."""

from __future__ import annotations

from scalelab.laws.choice.assessment import Assessment
from scalelab.laws.choice.holdout import PANEL_NAME, Held
from scalelab.laws.diagnose.curvature import floor_seen
from scalelab.laws.diagnose.identify import WITHHOLD
from scalelab.laws.diagnose.names import listed
from scalelab.laws.fits import Fit, Verdict
from scalelab.laws.use.optimum import told_by
from scalelab.units import format_count

MUCH = 0.7
"""A run that lowers the condition number to this share or less is said to mend it."""
LITTLE = 0.5
"""R² of ln loss below which a law is not worth having: of proper runs it is above 0.9."""
NO_SUCH = " to fix"
SHARP = 0.05
"""Held-back error above which a prediction is called rough."""


def sentences(seen: Assessment) -> tuple[str, ...]:
    """Everything worth saying about an assessment."""
    if seen.best is None:
        return (_what_is_missing(seen), *_left_out(seen))
    best = seen.fit()
    return (
        *_identified(best, seen),
        *_set_aside(seen),
        *_held(seen),
        *_explains(best),
        *_rises(seen),
        *([seen.curvature.sentence(_floor(seen))] if seen.curvature else []),
        *_bounds(best),
        *_frontier(seen),
        *_left_out(seen),
    )


def counted(number: int, thing: str) -> str:
    """How many of a thing: "1 run", "2 runs"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _what_is_missing(seen: Assessment) -> str:
    """Why there is no law yet, and after how many runs the first comes."""
    if not seen.missing:
        return "no law was asked for"
    # A law that lacks a number which was to be fixed says nothing of the runs.
    nearest = min(seen.missing, key=lambda item: (item.runs_needed, NO_SUCH in item.reason))
    return f"no law yet from {counted(seen.n_runs, 'run')}: {nearest.reason}"


def _identified(best: Fit, seen: Assessment) -> list[str]:
    """Whether the runs tell the shown law's parameters apart, and which run would help."""
    if seen.compute_law is not None:
        words = "N and D moved together in these runs: no law can tell what each does, only what compute does"
        withheld = {fit.law: fit for fit in seen.fits if fit.verdict is Verdict.WITHHOLD}
        return [words + _mended(withheld.get("chinchilla", next(iter(withheld.values()), best)))]
    number = f"condition number {best.condition:.3g}"
    if best.verdict is Verdict.GOOD:
        return [f"the runs tell the parameters of {best.law} apart ({number})"]
    words = f"the runs hardly tell the parameters of {best.law} apart ({number})"
    if best.verdict is Verdict.WITHHOLD:
        words = f"the exponents of {best.law} cannot be told apart by these runs ({number}) and mean nothing alone"
    return [words + _mended(best)]


def _set_aside(seen: Assessment) -> list[str]:
    """Which runs nothing is predicted from."""
    if not seen.set_aside:
        return []
    one = len(seen.set_aside) == 1
    return [
        f"predictions are made without {listed(seen.set_aside)}, which the other runs contradict: look at "
        f"{'its log, or run it' if one else 'their logs, or run them'} again"
    ]


def _mended(fit: Fit) -> str:
    """The run that would help, as the end of a sentence."""
    if fit.mend is None:
        return ""
    run = f"a run of N = {format_count(fit.mend.n_params)} on D = {format_count(fit.mend.n_tokens)} tokens"
    enough = fit.mend.condition < WITHHOLD and fit.mend.condition < MUCH * fit.condition
    return (
        f": {run} would bring the condition number to {fit.mend.condition:.3g}"
        if enough
        else f": {run} would help most"
    )


def _held(seen: Assessment) -> list[str]:
    said = []
    who = PANEL_NAME if any(item.law == PANEL_NAME for item in seen.hold_outs) else seen.best
    for item in (item for item in seen.hold_outs if item.law == who):
        what = (
            "the largest run"
            if item.held == Held.LARGEST_RUN
            else (f"the {counted(len(item.left_out), 'run')} of the largest budget")
        )
        name = told_by(seen) if item.law == PANEL_NAME else item.law
        rough = ": expect no better of a prediction" if item.error > SHARP else ""
        said.append(f"fitted without {what}, {name} misses by {100 * item.error:.2g} %{rough}")
    return said


def _floor(seen: Assessment) -> bool | None:
    """Whether the fits speak for a loss that remains."""
    return floor_seen(seen.fits, {score.law: score.aicc for score in seen.scores if score.aicc is not None})


def _explains(best: Fit) -> list[str]:
    """That the law is hardly seen in the runs at all."""
    if best.r2_log >= LITTLE:
        return []
    return [f"{best.law} explains little of how the losses differ (R² {best.r2_log:.2f}): predict nothing with it"]


def _rises(seen: Assessment) -> list[str]:
    """That the loss rises with N or D, as no law lets it: columns or units are wrong, or the runs were no good."""
    power = next((fit for fit in seen.fits if fit.law == "power"), None)
    if power is None or power.verdict is Verdict.WITHHOLD:
        return []
    rising = [name for name, number in (("N", "alpha"), ("D", "beta")) if power.estimate(number).low > 0]
    what = " and with ".join(rising)
    return [f"the loss rises with {what}, which no law allows: look at the columns and their units"] if rising else []


def _bounds(best: Fit) -> list[str]:
    said = []
    if "E" in best.bounds_hit:
        said.append(f"E of {best.law} is zero within what these runs can tell")
    others = [name for name in best.bounds_hit if name != "E"]
    if others:
        said.append(f"stopped at a bound: {', '.join(others)} of {best.law}; do not read anything into the value")
    if not best.converged:
        said.append(f"the fit of {best.law} did not converge: treat its numbers as rough")
    return said


def _frontier(seen: Assessment) -> list[str]:
    if seen.optimum is None or seen.optimum.interior:
        return []
    return [f"{told_by(seen)} has no best split of {seen.optimum.flops:.3g} FLOPs between N and D: it prefers an edge"]


def _left_out(seen: Assessment) -> list[str]:
    return [f"{counted(seen.n_excluded, 'run')} left out"] if seen.n_excluded else []
