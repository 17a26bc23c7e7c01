"""What is asked of a lab's supervisor, by rows in the store: stop, try a run again. Here nothing is done or decided."""

from __future__ import annotations

from pathlib import Path

from scalelab.errors import BadInput, ScalelabError
from scalelab.lab import lock
from scalelab.lab.hooks import Hooks
from scalelab.lab.opening import existing
from scalelab.store.reader import Reader


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
        raise BadInput("now and after_current were both given", allowed="one of them")
    paths = existing(folder)
    owner = lock.holder(paths.lock)
    if owner is None:
        raise ScalelabError(f"lab {paths.root} is not being trained", todo="`scalelab run` goes on with it")
    with Reader(paths.store) as reader:
        reader.request("stop", {"now": now, "after_current": after_current})
    return owner.pid


def retry(folder: str | Path, run: str, *, hooks: Hooks | None = None) -> int:
    """Train one failed, diverged or stopped run again, from its last good checkpoint; the pid of who does it.

    Where nobody trains the lab, a supervisor in a session of its own begins, for this run and what it needs alone.

    Raises
    ------
    BadInput
        There is no such run, or it has not failed.
    """
    raise ScalelabError("retry is not there yet")
