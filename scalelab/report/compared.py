"""Groups of runs beside each other, as a printed report: what compares, what a token is worth, who wins the budget.

Every number comes from a `laws.Comparison`; nothing is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scalelab.gate import clean
from scalelab.report import numbers
from scalelab.report.layout import Lines, heading, table, wrapped
from scalelab.units import format_count

if TYPE_CHECKING:
    from scalelab.laws import Comparison
    from scalelab.laws.use.comparison import AtTokens, Between, GroupLaw


def comparison_lines(found: Comparison, width: int) -> Lines:
    """The whole report."""
    return [
        *_sentences(found, width),
        *_exponents(found),
        *(line for group in found.groups[1:] if group.by_tokens for line in _levels(group, found.groups[0])),
        *_budget(found),
    ]


def _sentences(found: Comparison, width: int) -> Lines:
    lines = [heading("What the groups say beside each other")]
    for sentence in found.sentences():
        lines += wrapped(f"  - {clean(sentence, 400)}.", width, hang=4)
    return lines


def _exponents(found: Comparison) -> Lines:
    if found.law is None:
        return [heading("No law can be fitted to every group yet")]
    names = [item.name for item in found.groups[0].estimates if item.name in {"E", "alpha", "beta"}]
    rows = [["group", "runs", *(numbers.greek(name) for name in names)]]
    for group in found.groups:
        items = {item.name: item for item in group.estimates}
        rows.append([clean(group.name, 40), str(group.n_runs), *(_estimate(items.get(name)) for name in names)])
    return [heading(f"One law for all: {found.law}, 95 % intervals"), *table(rows, left={0})]


def _estimate(item: object) -> str:
    from scalelab.laws import Estimate

    if not isinstance(item, Estimate):
        return "–"
    if item.at_bound:
        return "at its bound"
    if not numbers.told(item.low, item.high):
        return numbers.UNTOLD
    return numbers.signed(numbers.interval(item.value, item.low, item.high))


def _levels(group: GroupLaw, first: GroupLaw) -> Lines:
    name, other = clean(group.name, 40), clean(first.name, 40)
    rows = [["D", f"loss against {other}", f"a token is worth, in {other}'s", "sizes"]]
    rows += [_level(level, format_count(level.n_tokens)) for level in group.by_tokens]
    if group.overall is not None:
        rows.append(_level(group.overall, "all"))
    return [heading(f"{name} at equal N and D"), *table(rows, left={0})]


def _level(level: AtTokens, named: str) -> list[str]:
    beyond = "beyond any number" if level.ratio.value < 1.0 else "less than any number"
    worth = _between(level.worth, "×") if level.worth is not None else "–" if level.untold else beyond
    return [named, _percent(level.ratio), worth, str(level.ratio.n)]


def _percent(ratio: Between) -> str:
    """A ratio of losses as per cent more or less."""
    value = 100 * (ratio.value - 1)
    if ratio.low is None or ratio.high is None:
        return f"{value:+.2f} %"
    return f"{value:+.2f} % [{100 * (ratio.low - 1):+.2f}, {100 * (ratio.high - 1):+.2f}]"


def _between(found: Between, unit: str) -> str:
    if found.low is None or found.high is None:
        return f"{found.value:.3g} {unit}"
    return f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}] {unit}"


def _budget(found: Comparison) -> Lines:
    if len(found.ranked) < 2:
        return []
    rows = [["group", "loss", "best N", "D", "against the first"]]
    for group in found.ranked:
        if group.budget_loss is None or group.budget_split is None:
            continue
        gain = "–"
        if group.budget_gain is not None:
            value, low, high = (100 * (each - 1) for each in group.budget_gain)
            gain = f"{value:+.2f} % [{low:+.2f}, {high:+.2f}]"
        n, d = (format_count(each) for each in group.budget_split)
        rows.append([clean(group.name, 40), numbers.interval(*group.budget_loss), n, d, gain])
    return [heading(f"With {found.flops:.3g} FLOPs, the best first"), *table(rows, left={0})]
