"""A field of the plan's form that is a field of the preset: its value as it stands, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from scalelab.tui.views.draft import Draft, Planned, is_changed, said
from scalelab.tui.views.rows import Field


def field_of(
    draft: Draft, now: Planned, key: str, label: str, beside: str = "", choices: Sequence[str] = (), *,
    closed: bool = False, empty: str = "auto",
) -> Field:  # fmt: skip
    """The field `key` of the preset; `beside` is what follows from its value."""
    return Field(
        key=key, label=label, value=said(draft, now.base, key), empty=empty, choices=tuple(choices), closed=closed,
        beside=beside, problem=now.problems.get(key, ""), changed=is_changed(draft, now.base, key),
    )  # fmt: skip
