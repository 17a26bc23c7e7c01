"""Who predicts, what its interval is made of and on what that was checked: the words that stand beside a prediction."""

from __future__ import annotations

from scalelab.laws.choice.assessment import Assessment
from scalelab.laws.choice.contest import FEW_RUNS, PANEL
from scalelab.laws.choice.holdout import PANEL_NAME
from scalelab.laws.diagnose.names import listed
from scalelab.laws.use.optimum import told_by

WEIGHTS = "every run weighs as the root of its compute; less from 8 robust scales off the law on, nothing from 16"
"""How the laws that predict were fitted, unlike the ones that are shown."""
SPLITS, FEWEST, MOST, HELD, INSIDE = 16, 16, 220, 895, 0.96
"""Splits of public tables, the fewest and the most runs fitted, the larger runs that were told, and how many of those
the 95 % interval by the laws of `contest.PANEL` held: `python -m tests.benchmarks splits` counts again."""
CHECKED = (
    f"on {SPLITS} splits of five public tables, fitted to {FEWEST} to {MOST} runs, it held {100 * INSIDE:.0f} % of the "
    f"{HELD} larger runs"
)
CHECKED_LEVEL = 0.95


def named(law: str, seen: Assessment) -> str:
    """A law as a person knows it: "mean of 4 laws" where a record has the name of what predicts."""
    return told_by(seen).removeprefix("the ") if law == PANEL_NAME else law


def statement(seen: Assessment) -> str:
    """Who predicts and what the interval is, in a sentence or two; empty before any law."""
    if seen.panel is None or seen.best is None:
        return ""
    members = [member.law for member in seen.panel.members]
    who = told_by(seen) + (f" ({', '.join(members)})" if len(members) > 1 else "")
    each = "each leaning" if len(members) > 1 else "leaning"
    less = f", without {listed(seen.set_aside)}" if seen.set_aside else ""
    parts = ["parameters", *(["choice of law"] if len(members) > 1 else []), "error on held-back runs"]
    if not any(score.held_back is not None for score in seen.scores if score.law in members):
        parts[-1] = "scatter of runs, for want of any to hold back"
    level = 100 * seen.fit().level
    return f"{who}, {each} on the expensive runs{less}; {level:g} % interval = {' + '.join(parts)}; {_checked(seen)}"


def _checked(seen: Assessment) -> str:
    """On what such intervals were checked, and whether these runs are of that kind."""
    assert seen.panel is not None
    if seen.compute_law is not None:
        return "checked only on tables whose N and D moved apart, which they do not here"
    members = {member.law for member in seen.panel.members}
    if len(members) < 2 or not members <= set(PANEL):
        return "not checked on public tables, as that of the laws that predict by default was"
    if seen.fit().level != CHECKED_LEVEL:
        return "not checked at this level, as the 95 % interval was on public tables"
    return CHECKED + (f"; never on as few as {seen.n_runs}" if seen.n_runs < FEW_RUNS else "")
