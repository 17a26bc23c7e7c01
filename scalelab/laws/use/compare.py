"""Several groups of runs side by side: exponents of one law, loss at equal N and D, what a token is worth, crossings.

Groups that were measured on one held-out text compare in everything; others in their exponents alone. Differences are
taken between pairs of runs of one N and D, in which what sizes and budgets do cancels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from scalelab.errors import BadInput
from scalelab.laws.choice.assessment import Assessment
from scalelab.laws.choice.judge import FURTHER, assess
from scalelab.laws.fits import Verdict
from scalelab.laws.runs import Array, RunTable
from scalelab.laws.use.comparison import AtTokens, Between, Comparison, Crossing, GroupLaw

SHARED = ("chinchilla", "chinchilla-tied", "kaplan", "power")
"""Laws whose exponents are compared: the first that all groups can tell."""
MOST_WORTH = 1e3
"""A token that is worth more than this many, or less than its inverse, is worth more than anybody measured."""
FAR = 100.0
"""Crossings are looked for up to this many times the largest D."""
LEVEL = 0.95


def compare(
    groups: Mapping[str, RunTable],
    *,
    flops: float | None = None,
    comparable: Collection[str] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Comparison:
    """Groups of runs against the first of them.

    Parameters
    ----------
    groups : name → runs, in order; the first is what the others are measured by.
    flops : the budget that is to be spent; unset: ten times the largest run of all.
    comparable : groups measured on the same held-out text in the same tokens as the first; unset: all.
    left_out : groups that are not among these → why, as "it has no finished run"; told and nothing else.

    Raises
    ------
    BadInput
        Fewer than two groups, or one without runs.
    """
    if len(groups) < 2:
        raise BadInput(f"{len(groups)} group to compare", allowed="two or more")
    for name, runs in groups.items():
        if len(runs) == 0:
            raise BadInput(f"group {name[:60]} has no finished run", todo="wait until each group has some")
    names = tuple(groups)
    same = set(names if comparable is None else comparable) | {names[0]}
    seen = {name: assess(runs) for name, runs in groups.items()}
    law = _shared(list(seen.values()))
    budget = flops or FURTHER * max(float(runs.compute.max()) for runs in groups.values())
    base = (groups[names[0]], seen[names[0]])
    told = [_group(name, (groups[name], seen[name]), base, law, budget, name in same) for name in names]
    return Comparison(law=law, flops=budget, groups=tuple(told), left_out=dict(left_out or {}))


def _shared(seen: Sequence[Assessment]) -> str | None:
    """The first law that every group can tell; then the first that every group can at least be fitted with."""
    tables = [{fit.law: fit for fit in each.fits} for each in seen]
    fitted = [law for law in SHARED if all(law in table for table in tables)]
    told = [law for law in fitted if all(table[law].verdict is not Verdict.WITHHOLD for table in tables)]
    return next(iter(told or fitted), None)


Group = tuple[RunTable, Assessment]


def _group(name: str, group: Group, base: Group, law: str | None, budget: float, same: bool) -> GroupLaw:
    runs, seen = group
    found = GroupLaw(
        name=name, n_runs=len(runs), comparable=same, best_law=seen.best,
        estimates=seen.fit(law).estimates if law else (),
    )  # fmt: skip
    if not same:
        return found
    parts: dict[str, Any] = {}
    split = seen.frontier(budget) if seen.panel is not None else None
    if split is not None and split.interior:
        there = seen.predict(split.n_params, split.n_tokens)
        parts["budget_loss"] = (there.loss, there.low, there.high)
        parts["budget_split"] = (split.n_params, split.n_tokens)
    elif split is not None:
        parts["no_split"] = True  # N and D are an edge of the search and no advice, nor is the loss there
    if seen is not base[1]:
        levels, overall = _by_tokens(runs, base)
        parts |= {"by_tokens": levels, "overall": overall}
        if seen.panel is not None and base[1].panel is not None:
            parts["crossings"] = _crossings(name, group, base)
            parts["budget_gain"] = _gain(seen, base[1], budget)
    return GroupLaw(**{field: getattr(found, field) for field in GroupLaw.__dataclass_fields__} | parts)


def _by_tokens(runs: RunTable, base: Group) -> tuple[tuple[AtTokens, ...], AtTokens | None]:
    """The group against the first one at every D that both have, and over all of them."""
    ours, theirs = _means(runs), _means(base[0])
    pairs = sorted(set(ours) & set(theirs), key=lambda pair: (pair[1], pair[0]))
    if not pairs:
        return (), None
    gaps = np.array([ours[pair] - theirs[pair] for pair in pairs])
    n, d = np.array(pairs, dtype=float).T
    worth = _worth(base[1], n, d, gaps) if base[1].panel is not None else None
    levels = [
        _at(float(level), gaps[d == level], None if worth is None else worth[d == level]) for level in np.unique(d)
    ]
    return tuple(levels), _at(float(np.exp(np.log(d).mean())), gaps, worth)


def _means(runs: RunTable) -> dict[tuple[float, float], float]:
    """Mean ln loss of each (N, D): seeds of one point count once."""
    found: dict[tuple[float, float], list[float]] = {}
    for n, d, loss in zip(runs.n_params, runs.n_tokens, runs.loss, strict=True):
        found.setdefault((float(n), float(d)), []).append(float(np.log(loss)))
    return {pair: float(np.mean(values)) for pair, values in found.items()}


def _worth(law: Assessment, n: Array, d: Array, gaps: Array) -> Array:
    """Logs of how many tokens of the first group one is worth: where its law falls as far as the pair differs.

    By bisection, the law falling in D; NaN where it never falls that far.
    """
    wanted = np.log(law.loss(n, d)) + gaps
    low, high = np.full(len(n), -np.log(MOST_WORTH)), np.full(len(n), np.log(MOST_WORTH))
    reached = (np.log(law.loss(n, d * np.exp(high))) <= wanted) & (np.log(law.loss(n, d * np.exp(low))) >= wanted)
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = np.log(law.loss(n, d * np.exp(middle))) > wanted
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(reached, 0.5 * (low + high), np.nan)


def _at(n_tokens: float, gaps: Array, worth: Array | None) -> AtTokens:
    if worth is None:
        return AtTokens(n_tokens=n_tokens, ratio=_between(gaps), worth=None, untold=True)
    told = worth[np.isfinite(worth)]
    # One pair beyond any number of tokens makes the mean one of the others only: then it is not told.
    whole = len(told) == len(worth)
    return AtTokens(n_tokens=n_tokens, ratio=_between(gaps), worth=_between(told) if whole else None)


def _between(logs: Array) -> Between:
    """The mean of logs as a number, with Student's interval."""
    mean = float(logs.mean())
    if len(logs) < 2:
        return Between(value=float(np.exp(mean)), low=None, high=None, n=len(logs))
    from scipy.special import stdtrit

    half = float(stdtrit(len(logs) - 1, 0.5 + LEVEL / 2) * logs.std(ddof=1) / np.sqrt(len(logs)))
    return Between(
        value=float(np.exp(mean)), low=float(np.exp(mean - half)), high=float(np.exp(mean + half)), n=len(logs)
    )


def _crossings(name: str, group: Group, base: Group) -> tuple[Crossing, ...]:
    """Where the laws of the two cross in D, at the smallest and the largest N that both have."""
    sizes = sorted(set(group[0].n_params.tolist()) & set(base[0].n_params.tolist()))
    most = min(float(group[0].n_tokens.max()), float(base[0].n_tokens.max()))
    least = max(float(group[0].n_tokens.min()), float(base[0].n_tokens.min()))
    d = np.exp(np.linspace(np.log(least), np.log(FAR * most), 400))
    found = []
    for n in sizes[:1] + sizes[-1:] if len(sizes) > 1 else sizes:
        at = np.full(len(d), n)
        gap = np.log(group[1].loss(at, d)) - np.log(base[1].loss(at, d))
        for i in np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) < 0).tolist():
            share = gap[i] / (gap[i] - gap[i + 1])
            where = float(np.exp(np.log(d[i]) + share * (np.log(d[i + 1]) - np.log(d[i]))))
            found.append(
                Crossing(
                    n_params=n, n_tokens=where, sampled=where <= most,
                    better_after=name if gap[i + 1] < 0 else "",
                )
            )  # fmt: skip
    return tuple(found)


def _gain(seen: Assessment, base: Assessment, budget: float) -> tuple[float, float, float] | None:
    """The ratio of the two best losses, where both have one; what the laws' forms err by is common and cancels."""
    ends = []
    for each in (seen, base):
        split = each.frontier(budget)
        if not split.interior:
            return None
        ends.append(each.predict(split.n_params, split.n_tokens))
    gap = float(np.log(ends[0].loss / ends[1].loss))
    quantile = max(each.panel.t_quantile for each in (seen, base) if each.panel is not None)
    half = quantile * float(np.hypot(ends[0].parameters, ends[1].parameters))
    low, value, high = (float(np.exp(each)) for each in (gap - half, gap, gap + half))
    return value, low, high
