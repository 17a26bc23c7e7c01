"""What the logs of workers tell of their ends: the last words of any, and of a run's what was wrong before it died.

Reads logs; must not know who wrote them or what becomes of a run.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from scalelab.gate import clean

_WORDS = 300
"""Characters of a log that a reason quotes at most."""
_END = 1 << 16
"""Bytes of a run's log that are looked at: where a thread of many frames crashed, all frames stand there."""
_ROUTINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:\S+ attempt \d+ on .*: from step |(?:done|stopped) at step |goes on: )"
)
"""The lines of a run that is well: that an attempt begins, that it ends in order, that what it waited for is there."""
_FATAL, _CURRENT = "Fatal Python error: ", "Current thread "


def last_words(log: Path, limit: int = _WORDS) -> str:
    """The end of a worker's log, harmless and on one line: why it died, if it could say so."""
    return _on_one_line(_tail(log, 4 * limit).split("\n"), limit)


def why_it_died(log: Path, limit: int = _WORDS) -> str:
    """The end of a run's log since its last routine line, likewise; empty where it was well until it ended."""
    lines = _tail(log, _END).split("\n")
    routine = [place for place, line in enumerate(lines) if _ROUTINE.match(line)]
    lines = lines[routine[-1] + 1 :] if routine else lines
    return _on_one_line(_crash(lines) or lines, limit)


def _crash(lines: list[str]) -> list[str]:
    """Of what Python dumps at a signal, which ends in the names of all extensions, the signal and where it hit."""
    fatal = [place for place, line in enumerate(lines) if line.startswith(_FATAL)]
    if not fatal:
        return []
    dump = lines[fatal[-1] :]
    current = [place for place, line in enumerate(dump) if line.startswith(_CURRENT)]
    return dump[:1] + (dump[current[0] + 1 : current[0] + 2] if current else [])


def _tail(log: Path, size: int) -> str:
    try:
        # What is no plain file has no end, and a pipe would hold us up.
        with open(log, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            file.seek(max(file.seek(0, 2) - size, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _on_one_line(lines: list[str], limit: int) -> str:
    # Of what is too long the end stays: an error stands in its last line.
    return clean(" | ".join([line.strip() for line in lines if line.strip()][-3:])[-limit:], limit)
