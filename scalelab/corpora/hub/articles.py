"""WikiText's rows are lines; its documents are articles, each from its heading to the next.

A heading of an article reads " = Title = " between two empty lines; " = = Section = = " is one inside it.
"""

from __future__ import annotations

import re

_HEADING = re.compile(r" ?= (?!=).*(?<!=) = ?\n?")


class Articles:
    """Takes lines and gives articles; what it holds between two lines is `pending`, plain values to go on from."""

    def __init__(self, pending: list[str] | None = None) -> None:
        self.pending: list[str] = list(pending or [])

    def take(self, line: str) -> str | None:
        """One line more; the article that it shows to be over."""
        rows = self.pending
        rows.append(line)
        # The heading is known by the empty line after it, so it is the line before the last.
        if len(rows) < 3 or line.strip() or rows[-3].strip() or not _HEADING.fullmatch(rows[-2]):
            return None
        self.pending = rows[-2:]
        return joined(rows[:-2]) or None

    def rest(self) -> str | None:
        """The last article."""
        rows, self.pending = self.pending, []
        return joined(rows) or None


def joined(rows: list[str]) -> str:
    """The text of lines as it stood in the file, outer empty lines left out."""
    return "".join(row if row.endswith("\n") else f"{row}\n" for row in rows).strip("\n")
