"""The line that makes a fit again, as a person may copy it from a terminal or a page."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.text import Text

from scalelab.gate import clean
from scalelab.report.layout import Lines, heading

if TYPE_CHECKING:
    from scalelab.laws.card import Card


def card(made: Card | None, width: int) -> Lines:
    """The line that makes the fit again; the rest of its card is for files."""
    if made is None or not made.shell:
        return []
    lines = continued(made.shell, width - 2)
    return [heading(f"To fit {made.law} again (data {made.data_hash[:12]})"), *(Text(f"  {line}") for line in lines)]


def continued(shell: str, width: int) -> list[str]:
    """A line for a shell on as many lines as it needs, each but the last ended by a backslash."""
    groups: list[list[str]] = []
    for word in shlex.split(shell):
        if not groups or word.startswith("--"):
            groups.append([])
        groups[-1].append(word)
    lines: list[str] = []
    for group in (clean(shlex.join(each), 2_000) for each in groups):
        if lines and len(lines[-1]) + len(group) + 3 <= width:
            lines[-1] += " " + group
        else:
            lines.append("  " * bool(lines) + group)
    return [line + " \\" for line in lines[:-1]] + lines[-1:]
