"""The header line of a lab in words: name, state, law, time left, user@host. Pure: Snapshot and width in, parts out."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len

from scalelab.gate import clean
from scalelab.records import RunKind, RunState
from scalelab.tui.bars import Part, cut
from scalelab.units import format_duration

if TYPE_CHECKING:
    from scalelab.laws import Assessment
    from scalelab.tui.snapshot import Snapshot

LEAST_NAME = 12
"""Cells of a lab's name before how far it is gives way."""
FIRST_LAW = 6
"""Finished points that the first law needs."""


@lru_cache(1)
def who() -> str:
    """user@host, so that nobody takes one terminal for another."""
    try:
        import pwd

        user = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        user = os.environ.get("USER", "")
    return clean(f"{user}@{socket.gethostname().partition('.')[0]}", 40)


def lines(
    shot: Snapshot, width: int, owners: Sequence[str], tabs: Sequence[tuple[str, str]] = (), here: str = ""
) -> list[list[Part]]:
    """Lab, state, time left and owner; below them the law, and the views with their keys.

    `owners` is who looks, in words from many to few: a narrow terminal is told the last.
    """
    left, owner = left_words(shot), ""
    # A narrow terminal is told less of how far, and all of who and where.
    for owner, state in ((owner, state) for owner in owners for state in state_words(shot)):
        room = width - cell_len(owner) - cell_len(state) - cell_len(left) - 6
        if room >= min(cell_len(shot.name), LEAST_NAME):
            break
    head: list[Part] = [
        (cut(name_words(shot), max(room, 1)), "strong"),
        (f"  {state}", "bad" if shot.state == "stopped" else ""),
        (f"  {left}" if left else "", ""),
    ]
    views = _tabs(tabs, here, names=True)
    if _size(views) > width // 2:
        views = _tabs(tabs, here, names=False)
    law = cut(law_words(shot), max(width - _size(views) - 2, 0))
    return [
        _spread(head, [(owner, "faint")], width),
        _spread([(law, "bad" if shot.waiting or shot.problem else "" if shot.assessment else "faint")], views, width),
    ]


def _tabs(tabs: Sequence[tuple[str, str]], here: str, *, names: bool) -> list[Part]:
    """The views, "1 plan  2 runs"; in a narrow terminal only the one that is seen has its name."""
    parts: list[Part] = []
    for key, name in tabs:
        parts.append((" " * (1 + names) if parts else "", ""))
        if name == here:
            parts.append((f" {key} {name} ", "mark"))
        else:
            parts += [(key, "strong"), (f" {name}" * names, "faint")]
    return parts


def name_words(shot: Snapshot) -> str:
    """The lab's name; of one with groups with that whose law is told."""
    return clean(f"{shot.name} · {shot.group}" if len(shot.groups) > 1 else shot.name, 60)


def state_words(shot: Snapshot) -> tuple[str, ...]:
    """The state and how far, from much to little: "training 3 of 9, 1 failed", "training 3 of 9", "training"; where it
    is ending, how, before how far it is.
    """
    points = [row for row in shot.rows if row.spec.kind is not RunKind.TRUNK]
    done = sum(row.state is RunState.DONE for row in points)
    # Of all rows: where a trunk failed, the table shows one more than points have.
    failed = sum(row.state in {RunState.FAILED, RunState.DIVERGED} for row in shot.rows)
    state = f"stopping ({shot.stopping})" if shot.stopping else shot.state
    far = f"{state} {done} of {len(points)}"
    return (f"{far}, {failed} failed" if failed else far), far, state


def left_words(shot: Snapshot) -> str:
    """The time left: "4m left"; empty where nobody trains, or what is left will not be trained now."""
    goes_on = shot.alive and not shot.stopping
    return f"{format_duration(shot.seconds_left)} left" if goes_on and shot.seconds_left else ""


def law_words(shot: Snapshot) -> str:
    """The law in one line, or when it comes; what the session waits for, or ended of, goes before it."""
    if shot.waiting:
        return clean(shot.waiting, 300)
    if shot.problem:
        return clean(f"ended early: {shot.problem}", 300)
    if shot.assessment is not None and shot.assessment.best is not None:
        return equation(shot.assessment)
    points = len(shot.own_finals)
    if shot.complete and points < FIRST_LAW and not shot.elsewhere:
        return f"no law yet: it comes with {FIRST_LAW} finished points, {points} so far"
    if shot.assessment is not None and shot.assessment.verdicts:
        return _no_law(shot.assessment.verdicts[0])
    if shot.fit_problem:
        return _no_law(shot.fit_problem)
    return "no law yet" if shot.complete else ""  # it may be there, and is not read yet


def _no_law(why: str) -> str:
    """That there is none, and why, said once."""
    return clean(why if why.startswith("no law") else f"no law: {why}", 300)


def equation(seen: Assessment, digits: int = 3) -> str:
    """The shown law with its numbers: "L = 1.61 + 15.2/N^0.463 + 334/D^0.463"; where they mean nothing, in words."""
    from scalelab.report import numbers, promise

    # Where the exponents of N and D must be withheld, the law of compute is all that may be told.
    law = seen.compute_law or seen.fit()
    if promise.untold(law):
        return f"{law.law}: {promise.NO_EQUATION}"
    plain = re.sub(r"e\+0*(?=\d)", "e", law.equation(digits))
    return clean(numbers.signed(numbers.greek(plain)), 300)


def _size(parts: list[Part]) -> int:
    return sum(cell_len(words) for words, _ in parts)


def _spread(head: list[Part], end: list[Part], width: int) -> list[Part]:
    """The end at the right, where there is room for it."""
    gap = width - _size(head) - _size(end)
    return [*head, (" " * gap, ""), *end] if gap >= 2 else head
