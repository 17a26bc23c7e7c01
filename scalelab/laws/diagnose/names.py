"""Runs' names as a sentence may hold them: short, on one line, nothing that steers a terminal; a few, then a count."""

from __future__ import annotations

from collections.abc import Sequence

from scalelab.gate import clean

LONGEST, HEAD = 40, 14
"""Characters of a name that are shown, and how many of them from its beginning: what tells runs apart stands last."""
FEW = 3
"""Names in one sentence."""


def shown(name: str) -> str:
    """One name, cut in its middle where it is long."""
    whole = clean(name, 4 * LONGEST)
    return whole if len(whole) <= LONGEST else f"{whole[:HEAD]}…{whole[HEAD + 1 - LONGEST :]}"


def listed(names: Sequence[str]) -> str:
    """The first three, then a count: "a", "a and b", "a, b, c and 4 more"."""
    if len(names) <= 1:
        return "".join(names)
    if len(names) <= FEW:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[:FEW])} and {len(names) - FEW} more"
