"""A diagnosis in words: one plain sentence each, what is wrong before what is merely worth knowing."""

from __future__ import annotations

import math
from collections.abc import Iterator

from scalelab.laws.diagnose.diagnosis import Diagnosis
from scalelab.laws.diagnose.names import listed
from scalelab.laws.diagnose.outliers import MOST as MOST_NAMED
from scalelab.laws.diagnose.outliers import Outlier
from scalelab.laws.diagnose.transients import FEWEST, MOST, Kind, Transient
from scalelab.laws.diagnose.trends import Group, Trend, leaning
from scalelab.units import format_count

MOST_SENTENCES = 6
PULLS = 0.008
"""A run that moves ln loss at ten times the compute by more than this is named: what a wrong run may do at most."""
LEVERAGE = 0.9
"""A run of more leverage than this has no neighbour that would contradict it."""
LARGEST = 20.0
"""Logs beyond this are cut before they become a per cent."""


def sentences(seen: Diagnosis) -> tuple[str, ...]:
    """The most important six."""
    return tuple(sentence for sentence, _ in zip(_all(seen), range(MOST_SENTENCES), strict=False))


def _all(seen: Diagnosis) -> Iterator[str]:
    """All that can be said, in order of importance."""
    if seen.outliers:
        yield _outliers(seen)
    harm = [item for item in seen.transients if item.matters or item.kind is Kind.NOT_ANNEALED]
    yield from (_transient(item, seen.n_runs) for item in harm)
    if seen.noise is not None and seen.noise.misses:
        yield (
            f"{seen.law} misses by {_percent(seen.noise.misfit or 0.0)} more than seeds scatter "
            f"({_floor(seen)}; {_p(seen.noise.p_value or 0.0)}): another form, or a variable that is not in the table"
        )
    if seen.repetition is not None and seen.repetition.hurts:
        yield _repetition(seen)
    yield from _trends([item for item in leaning(seen.trends) if not _said(item, seen, harm)])
    if seen.counts is not None and seen.counts.clear:
        yield seen.counts.sentence()
    yield from _pull(seen)
    if seen.counts is not None and seen.counts.depends:
        yield seen.counts.sentence()
    if seen.repetition is not None and not seen.repetition.hurts:
        yield _repetition(seen)
    yield from _mild([item for item in seen.transients if item not in harm], seen.n_runs)
    if seen.noise is not None and not seen.noise.misses:
        yield f"runs of the same N and D scatter by {_floor(seen)}" + (
            "" if seen.noise.p_value is None else f", and the law misses by no more (p = {seen.noise.p_value:.2g})"
        )


def _outliers(seen: Diagnosis) -> str:
    others = seen.n_examined - len(seen.outliers)
    if len(seen.outliers) == 1:
        run = seen.outliers[0]
        return (
            f"{run.run} lies {_beside(run.off)} what the other {others} runs say (t = {run.t:.3g}): "
            "look at its log, or run it again"
        )
    names = listed([f"{run.run} ({_signed(run)})" for run in seen.outliers])
    sizes = {round(math.log(run.n_params), 3) for run in seen.outliers}
    alike = f", all of N = {format_count(seen.outliers[0].n_params)}" if len(sizes) == 1 else ""
    more = "or more " if len(seen.outliers) == MOST_NAMED else ""
    return (
        f"{len(seen.outliers)} {more}runs lie off what the other {others} say: {names}{alike}: "
        "look at their logs, or run them again; this law has them all"
    )


def _transient(item: Transient, n_runs: int) -> str:
    """What is suspect about some runs that lie off the law or were not annealed, and the filter that drops them."""
    what = f"{_suspect(item, n_runs)}{_lying(item)}"
    if item.kind is Kind.CHECKPOINTS:
        return f"{what}: if they were not annealed, theirs are not the losses of finished runs"
    if item.n_runs == n_runs:
        return f"{what}: a law of these is none of finished runs"
    return f"{what}: fit without them by --where '{_kept([item])}'"


def _mild(items: list[Transient], n_runs: int) -> Iterator[str]:
    """The same for runs that follow the law so far: those of odd tokens a parameter in one sentence."""
    odd = [item for item in items if item.kind in (Kind.FEW_TOKENS, Kind.MANY_TOKENS) and item.n_runs < n_runs]
    if odd:
        what = " and ".join(_suspect(item, n_runs) for item in odd)
        yield f"{what}; --where '{_kept(odd)}' would leave them out"
    yield from (_transient(item, n_runs) for item in items if item not in odd)


def _suspect(item: Transient, n_runs: int) -> str:
    count = f"{item.n_runs} of {n_runs} runs"
    have, bound = "has" if item.n_runs == 1 else "have", _plain(item.bound)
    if item.kind is Kind.FEW_TOKENS:
        return f"{count} {have} fewer tokens than {'' if item.bound == 1 else f'{bound} times '}parameters"
    if item.kind is Kind.MANY_TOKENS:
        return f"{count} {have} more than {bound} tokens a parameter"
    if item.kind is Kind.NOT_ANNEALED:
        return f"{count} ended at more than {100 * item.bound:.0f} % of the peak rate and {have} not been annealed"
    return f"{count} have budgets at equal distances, as checkpoints of one run have (such as {item.runs[0]})"


def _kept(items: list[Transient]) -> str:
    """The filter that leaves these runs out."""
    bounds = {item.kind: item.bound for item in items}
    if Kind.NOT_ANNEALED in bounds:
        return f"lr_share < {_plain(bounds[Kind.NOT_ANNEALED])}"
    low, high = bounds.get(Kind.FEW_TOKENS, FEWEST), bounds.get(Kind.MANY_TOKENS, MOST)
    return f"tokens/n_params between {_plain(low)} and {_plain(high)}"


def _lying(item: Transient) -> str:
    if item.shift is None or not item.matters:
        return ""
    return f", and lie {_beside(item.shift)} the law of the others"


def _repetition(seen: Diagnosis) -> str:
    item = seen.repetition
    if item is None:
        return ""
    what = f"{item.n_repeated} of {seen.n_runs} runs repeat their data, up to {format_count(item.most_epochs)} epochs"
    if seen.law == "data-constrained":
        return f"{what}, which {seen.law} allows for"
    if item.hurts and item.slope is not None:
        return (
            f"{what}, and lie higher above the law by {_percent(item.slope)} with each doubling "
            f"({_p(item.p_value or 0.0)}): fit --law data-constrained"
        )
    return f"{what}; no loss by it is visible beside {seen.law}"


def _trends(leaning: list[Trend]) -> Iterator[str]:
    """The largest runs by themselves, since a prediction goes on from there; the other ends in one sentence."""
    for item in leaning:
        if item.group is Group.MOST_COMPUTE:
            yield f"{_trend(item)} the law of the others ({_p(item.p_value)}): expect the same beyond them"
    others = [item for item in leaning if item.group is not Group.MOST_COMPUTE]
    if others:
        ends = " and ".join(map(_trend, others))
        yield f"{ends} the law of the others ({_p(others[0].p_value)}): the form does not bend as the runs do"


def _trend(item: Trend) -> str:
    return f"the {item.n_runs} runs with {item.group} lie {_beside(item.shift)}"


def _said(trend: Trend, seen: Diagnosis, harm: list[Transient]) -> bool:
    """Whether another sentence has told it already."""
    kinds = {item.kind for item in harm}
    if trend.group is Group.FEWEST_TOKENS:
        return Kind.FEW_TOKENS in kinds
    repeats = seen.repetition is not None and seen.repetition.hurts
    return trend.group is Group.MOST_TOKENS and (Kind.MANY_TOKENS in kinds or repeats)


def _pull(seen: Diagnosis) -> Iterator[str]:
    """The run that the prediction moves with, else one that the law must pass through."""
    named = {run.run for run in seen.outliers}
    others = [run for run in seen.pulls if run.run not in named]
    if others and abs(others[0].moves) > PULLS:
        way = "higher" if others[0].moves > 0 else "lower"
        yield (
            f"the prediction at ten times the compute hangs on {others[0].run}: without it, it is "
            f"{_percent(others[0].moves)} {way}; run that point again, or one near it"
        )
    elif lever := [run for run in others if run.leverage > LEVERAGE]:
        most = max(lever, key=lambda run: run.leverage)
        yield (
            f"the law passes through {most.run} almost whatever its loss (leverage {most.leverage:.2f}): "
            "no other run checks it, so run that point again, or one near it"
        )


def _floor(seen: Diagnosis) -> str:
    if seen.noise is None:
        return ""
    points = f"{seen.noise.n_groups} point{'' if seen.noise.n_groups == 1 else 's'} run more than once"
    return f"{100 * seen.noise.sigma:.2g} ± {100 * seen.noise.se:.1g} % at {points}"


def _plain(value: float) -> str:
    """A limit as the filter's grammar takes it: three digits, no suffix."""
    return f"{float(f'{value:.3g}'):g}"


def _p(p_value: float) -> str:
    """A p-value; below what double precision is worth, that."""
    return "p < 1e-15" if p_value < 1e-15 else f"p = {p_value:.1g}"


def _signed(run: Outlier) -> str:
    change = 100.0 * math.expm1(min(run.off, LARGEST))
    return f"{change:+.2g} %".replace("-", "−")


def _beside(log_ratio: float) -> str:
    """How far and which way: "3.2 % above"."""
    return f"{_percent(log_ratio)} {'above' if log_ratio > 0 else 'below'}"


def _percent(log_ratio: float) -> str:
    """The size of a change of ln loss as a per cent of the loss."""
    size = 100.0 * abs(math.expm1(min(log_ratio, LARGEST)))
    return f"{size:.2g} %" if size < 99.5 else f"{size:.0f} %"
