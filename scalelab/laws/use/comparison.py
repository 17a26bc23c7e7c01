"""What several groups of runs are beside each other, as a record that speaks and goes to JSON; compare.py fills it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from scalelab.laws.fits import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """A number with its interval; None where there are too few pairs for one."""

    value: float
    low: float | None
    high: float | None
    n: int
    """Pairs of runs behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTokens:
    """A group against the first one at one D, over all N that both have."""

    n_tokens: float
    ratio: Between
    """Loss of the group over loss of the first one, at equal N and D."""
    worth: Between | None
    """How many tokens of the first group one of this group is worth; None where no number of them reaches its loss, and
    where `untold`."""
    untold: bool = False
    """Whether the first group has no law yet that could say what a token is worth."""

    @property
    def is_sure(self) -> bool:
        """Whether the interval of the ratio leaves out one: equal losses."""
        return self.ratio.low is not None and not (self.ratio.low <= 1.0 <= (self.ratio.high or 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where the better of two groups changes, by their laws, at one N."""

    n_params: float
    n_tokens: float
    sampled: bool
    """Whether it lies among the runs, or beyond their largest D."""
    better_after: str
    """The group that is better with more tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLaw:
    """One group: its law, and against the first one what a token of it is worth."""

    name: str
    n_runs: int
    comparable: bool
    """Whether it was measured on the first group's held-out text."""
    best_law: str | None
    estimates: tuple[Estimate, ...]
    """Of the shared law."""
    by_tokens: tuple[AtTokens, ...] = ()
    overall: AtTokens | None = None
    crossings: tuple[Crossing, ...] = ()
    budget_loss: tuple[float, float, float] | None = None
    """Loss, low, high with the best N and D of the budget; None where there is no law, and with `no_split`."""
    no_split: bool = False
    """Whether the law would put the whole budget into N or into D, so that there is no best split."""
    budget_split: tuple[float, float] | None = None
    """Those N and D."""
    budget_gain: tuple[float, float, float] | None = None
    """Loss there over that of the first group's best split, with an interval from the parameters of both laws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All groups, the first one first."""

    law: str | None
    """The shared law whose exponents are told; None where no law can be fitted to all."""
    flops: float
    """The budget."""
    groups: tuple[GroupLaw, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Groups that there is nothing to compare of yet → why."""

    @property
    def ranked(self) -> tuple[GroupLaw, ...]:
        """Comparable groups by what they reach with the budget, the best first."""
        told = [group for group in self.groups if group.comparable and group.budget_loss is not None]
        return tuple(sorted(told, key=lambda group: (group.budget_loss or (np.inf,))[0]))

    def sentences(self) -> tuple[str, ...]:
        """What a person should know."""
        return tuple(_sentences(self))

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def _sentences(found: Comparison) -> list[str]:
    first, *others = found.groups
    told = [f"{name} is left out: {reason}" for name, reason in found.left_out.items()]
    for group in others:
        if not group.comparable:
            apart = f"{group.name} was measured on another text than {first.name}, or in other tokens"
            told.append(f"{apart}: only its exponents compare")
            continue
        told += _on_worth(group, first)
        told += [_on_crossing(each, group, first) for each in group.crossings if each.sampled]
    return told + _on_budget(found)


def _on_worth(group: GroupLaw, first: GroupLaw) -> list[str]:
    whole = group.overall
    if whole is None:
        return [f"{group.name} has no run of an N and D that {first.name} has"]
    better, hedge = whole.ratio.value < 1.0, "" if whole.is_sure else ", which may be none: these runs do not tell"
    if whole.untold:
        away = f"{100 * abs(whole.ratio.value - 1):.2g} % {'below' if better else 'above'}"
        return [
            f"the loss of {group.name} is {away} that of {first.name} at equal N and D{hedge}",
            f"what a token of {group.name} is worth takes more runs of {first.name}",
        ]
    if whole.worth is None:
        any_number = f"{'more' if better else 'less'} than any number of {first.name}'s"
        hedge = "" if whole.is_sure else ", or as much as one: these runs do not tell"
        return [f"a token of {group.name} is worth {any_number}{hedge}"]
    worth = whole.worth
    range_ = "" if worth.low is None else f" [{worth.low:.3g}, {worth.high:.3g}]"
    sure = worth.low is not None and not (worth.low <= 1.0 <= (worth.high or 0.0))
    hedge = "" if sure else ", which may be one: these runs do not tell"
    return [f"a token of {group.name} is worth {worth.value:.3g}{range_} of {first.name}'s{hedge}"]


def _on_crossing(each: Crossing, group: GroupLaw, first: GroupLaw) -> str:
    after = group.name if each.better_after else first.name
    return f"at N = {each.n_params:.3g} {after} is the better one from {each.n_tokens:.3g} tokens on"


def _on_budget(found: Comparison) -> list[str]:
    return _on_missing_splits(found) + _on_best(found)


def _on_missing_splits(found: Comparison) -> list[str]:
    names = [group.name for group in found.groups if group.no_split]
    if not names:
        return []
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} others" if len(names) > 6 else "")
    have, their = ("has", "its law") if len(names) == 1 else ("have", "their laws")
    return [f"{shown} {have} no best split of the budget: {their} would put all of it into N or all into D"]


def _on_best(found: Comparison) -> list[str]:
    ranked = found.ranked
    if len(ranked) < 2:
        return []
    best, first = ranked[0], found.groups[0]
    if best.budget_loss is None:
        return []
    words = f"with {found.flops:.3g} FLOPs {best.name} reaches {best.budget_loss[0]:.3f}, the least of all"
    gain = best.budget_gain if best is not first else ranked[1].budget_gain
    clear = gain is not None and (gain[2] < 1.0 if best is not first else gain[1] > 1.0)
    other = first.name if best is not first else ranked[1].name
    return [words + (f", clearly below {other}" if clear else f"; that it is below {other} these runs do not tell")]
