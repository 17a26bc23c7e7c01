"""The terminal as the app will find it: size, colours, signs. What a font can show only eyes can tell."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scalelab.doctor.line import Line, ok, warn

SMALLEST, ROOMY = (50, 24), (80, 24)
SIGNS = "⣿⡇⠉⠒⠤⣀ ▐█▄ ●◆▸ ─│└ αβ×"
"""What charts and tables are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What is known of it."""

    columns: int
    lines: int
    encoding: str
    environment: Mapping[str, str]

    @property
    def unicode(self) -> bool:
        """Whether it takes UTF-8."""
        return "utf" in self.encoding.lower()


def find() -> Terminal | None:
    """The terminal of this process; None where there is none."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and stream.isatty():
            size = os.get_terminal_size(stream.fileno())
            return Terminal(
                columns=size.columns, lines=size.lines, encoding=stream.encoding or "", environment=os.environ
            )
    return None


def look(terminal: Terminal | None) -> Iterator[Line]:
    """A line each for size, colours and signs."""
    if terminal is None:
        yield ok("terminal", "none here: the app needs one, all other verbs do not")
        return
    yield _size(terminal)
    yield _colours(terminal.environment)
    yield _signs(terminal)


def _size(terminal: Terminal) -> Line:
    said = f"{terminal.columns} × {terminal.lines}"
    here = (terminal.columns, terminal.lines)
    if here[0] < SMALLEST[0] or here[1] < SMALLEST[1]:
        return warn("terminal", said, f"the app wants {SMALLEST[0]} × {SMALLEST[1]}: enlarge the window")
    if here[0] < ROOMY[0] or here[1] < ROOMY[1]:
        return warn("terminal", said, f"the app shows more from {ROOMY[0]} × {ROOMY[1]} on")
    return ok("terminal", said)


def _colours(environment: Mapping[str, str]) -> Line:
    name = environment.get("TERM", "")
    if name in {"", "dumb", "unknown"}:
        return warn("colours", f"TERM={name or 'unset'}: the app does not open", "export TERM=xterm-256color")
    if "NO_COLOR" in environment:
        return ok("colours", f"NO_COLOR is set, and kept to (TERM={name})")
    if environment.get("COLORTERM", "").lower() in {"truecolor", "24bit"}:
        return ok("colours", f"16 million (TERM={name})")
    if "256" in name or "direct" in name or "kitty" in name or "ghostty" in name:
        return ok("colours", f"256, all that the app uses (TERM={name})")
    return warn("colours", f"TERM={name} has few colours", "export TERM=xterm-256color, or `scalelab --theme ansi`")


def _signs(terminal: Terminal) -> Line:
    if not terminal.unicode:
        said = f"the locale is {terminal.encoding or 'unknown'}: charts are drawn in ASCII"
        return warn("signs", said, "export LC_ALL=C.UTF-8")
    return ok("signs", f"{SIGNS} (boxes or question marks here? then `scalelab --glyphs block` or `ascii`)")
