"""What is asked of a lab's supervisor, by rows in the store: stop, go on, try runs again. Here nothing is decided."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean
from scalelab.lab import lock
from scalelab.lab.desk import RETRIED
from scalelab.lab.hooks import Hooks
from scalelab.lab.opening import existing, start_detached
from scalelab.lab.paths import LabPaths
from scalelab.records import RunState
from scalelab.store.reader import Reader

ANSWER_SECONDS = 2.0
"""A supervisor looks ten times a second; one that is suspended answers when it goes on."""


def request_stop(folder: str | Path, *, now: bool = False, after_current: bool = False) -> int:
    """Ask the supervisor of a lab to save and stop; its pid.

    Parameters
    ----------
    now : at once, without saving.
    after_current : runs under way end as planned and no new one starts; a later stop of another kind overrides it.

    Raises
    ------
    BadInput
        Both were asked.
    ScalelabError
        Nobody trains the lab.
    """
    if now and after_current:
        raise BadInput("an end at once and an end after the current runs were both asked", allowed="one of them")
    paths = existing(folder)
    owner = lock.holder(paths.lock)
    if owner is None:
        raise ScalelabError(f"lab {paths.root} is not being trained", todo="`scalelab run` goes on with it")
    with Reader(paths.store) as reader:
        reader.request("stop", {"now": now, "after_current": after_current})
    return owner.pid


def resume(folder: str | Path, *, hooks: Hooks | None = None) -> int:
    """Go on with a lab in a session of its own; the supervisor's pid.

    Where one owns the lab already, it is asked to go on with everything, unless its runs are ending.
    """
    paths = existing(folder)
    try:
        return start_detached(None, paths.root, hooks=hooks)
    except lock.Owned as owned:
        owner = _alive(owned)
    _ask(paths, owner, "resume", {})
    return owner.pid


def retry(
    folder: str | Path, run: str | Sequence[str], *, rate: float | None = None, hooks: Hooks | None = None
) -> int:
    """Train failed, diverged or stopped runs again from their last good checkpoints; the pid of who does it.

    A diverged run begins anew, since its checkpoints lead to the same end. Where nobody trains the lab, a supervisor in
    a session of its own begins, for these runs and what they need alone.

    Parameters
    ----------
    run : the name of one, or of several.
    rate : a share of the learning rate, above 0 and below 1, for the attempts to come.

    Raises
    ------
    BadInput
        There is no such run, or it has not ended badly; the rate is none.
    """
    paths = existing(folder)
    names = list(dict.fromkeys([run] if isinstance(run, str) else run))
    owner = lock.holder(paths.lock)
    # What an owner left running when it died has stopped.
    _check_runs(paths, names, rate, RETRIED if owner else RETRIED | {RunState.RUNNING})
    args: dict[str, Any] = {"runs": names, "rate": rate}
    if owner is None:
        try:
            return start_detached(None, paths.root, hooks=hooks, only=names, rate=rate)
        except lock.Owned as owned:
            owner = _alive(owned)
    _ask(paths, owner, "retry", args)
    return owner.pid


def ended_badly(folder: str | Path, *, diverged: bool = False) -> list[str]:
    """The runs that have failed, and where asked those that diverged."""
    states = {RunState.FAILED, RunState.DIVERGED} if diverged else {RunState.FAILED}
    with Reader(existing(folder).store) as reader:
        return [row.run for row in reader.runs() if row.state in states]


def _check_runs(paths: LabPaths, names: list[str], rate: float | None, states: frozenset[RunState]) -> None:
    if rate is not None and not 0.0 < rate < 1.0:
        raise BadInput(f"a rate of {rate:g} times the run's", allowed="above 0 and below 1")
    with Reader(paths.store) as reader:
        rows = {row.run: row for row in reader.runs()}
    again = [name for name, row in rows.items() if row.state in states]
    allowed = ", ".join(again[:8]) + (", …" if len(again) > 8 else "")
    if not names:
        raise BadInput("no run was named", allowed=allowed or "nothing failed")
    for name in names:
        if name not in rows:
            raise BadInput(f"lab {paths.root} has no run {clean(name, 60)!r}", allowed=allowed or "nothing failed")
        if rows[name].state not in states:
            raise BadInput(f"run {name} is {rows[name].state}", allowed=allowed or "nothing failed")
        done = [row.run for row in rows.values() if row.spec.parent == name and row.state is RunState.DONE]
        if rate is not None and done:
            raise BadInput(
                f"trunk {name} at another rate: {done[0]} has come from it at the old one",
                todo="retry it at its own rate, or make another lab",
            )


def _alive(owned: lock.Owned) -> lock.Owner:
    if owned.owner is None or not owned.owner.alive:
        raise owned
    return owned.owner


def _ask(paths: LabPaths, owner: lock.Owner, verb: str, args: dict[str, Any]) -> None:
    """Leave a request and hear what becomes of it, where the answer can be waited for."""
    with Reader(paths.store) as reader:
        number = reader.request(verb, args)
        deadline = time.monotonic() + (ANSWER_SECONDS if owner.pid != os.getpid() else 0.0)
        while time.monotonic() < deadline and lock.holder(paths.lock) is not None:
            reply = next((each.reply for each in reader.requests() if each.id == number), None)
            if reply is not None:
                if reply.startswith(("refused", "it is too late", "unknown")):
                    raise ScalelabError(f"{verb}: {reply.removeprefix('refused: ')}")
                return
            time.sleep(0.02)
