"""Rows of the store that are not what was written: the session says so, and trains again what they belonged to.

What a run is, and the facts of the lab, cannot be made again: with those damaged nothing is trained.
"""

from __future__ import annotations

import shutil

from scalelab.errors import ScalelabError
from scalelab.lab.hooks import Guarded
from scalelab.lab.paths import LabPaths
from scalelab.records import RunState
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer

_TRAINED = frozenset({"point", "evaluation"})
_WORDS = {"point": "points", "evaluation": "held-out losses", "state_change": "history", "prediction": "predictions"}


def fall_back(writer: Writer, reader: Reader, paths: LabPaths, views: Guarded) -> None:
    """Forget what is damaged, and put the runs whose numbers it was back into the plan.

    Raises
    ------
    ScalelabError
        A fact of the lab, or what a run is, is not what was written.
    """
    for part, key in writer.unsound:
        if part in {"meta", "run"}:
            what = f"the fact {key!r}" if part == "meta" else f"what run {key} is"
            raise ScalelabError(
                f"store {writer.path} is damaged: {what} is not as it was written", todo="put back a copy"
            )
    for part, key in writer.unsound:
        writer.forget(part, key)
        if part == "fit":
            views.event("warning", f"fit {key} is not as it was written: it is left out")
            continue
        views.event("warning", f"the {_WORDS[part]} of {key} are not as they were written: they are left out")
    for run in sorted({key for part, key in writer.unsound if part in _TRAINED}):
        for part in sorted(_TRAINED):
            writer.forget(part, run)
        shutil.rmtree(paths.run_dir(run) / "checkpoint", ignore_errors=True)
        row = reader.run(run)
        if row is not None:
            writer.set_step(run, row.spec.first_step)
            writer.set_state(run, row.attempt, RunState.PLANNED, "its rows in the store were damaged: it trains again")
    writer.unsound = []
