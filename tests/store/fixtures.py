"""`python -m tests.store.fixtures` makes fixtures/vN.sql: a small whole store as the present version writes it.

A version that is released gets its file once and for all; the tests open every one of them.
"""

from __future__ import annotations

import math
import sqlite3
import tempfile
from dataclasses import replace
from pathlib import Path

from scalelab.records import RunState, Score
from scalelab.store import requests, schema
from scalelab.store.writer import Writer
from tests.store.samples import evaluation, part_evaluation, point, saved, spec

FOLDER = Path(__file__).parent / "fixtures"
RUN, OTHER = "16x1-D1k-s0", "32x1-D1k-s0"


def fill(path: Path) -> None:
    """What every version could keep, at a clock that stands still."""
    with Writer(path, clock=lambda: 1_700_000_000.0) as writer:
        writer.create("name = 'fixture'\n")
        writer.add_runs([(spec(RUN), 1.5), (spec(OTHER, seed=3), 2.5)])
        writer.set_state(RUN, 1, RunState.RUNNING)
        writer.write([point(RUN, step=step, loss=4.0 - step / 10) for step in range(1, 11)])
        score = Score(run=RUN, attempt=1, step=10, name="chrf", value=0.5, n=100)
        measured = [evaluation(RUN, 5, final=False, loss=3.0), evaluation(RUN, 10), part_evaluation(RUN), score]
        writer.write([*measured, saved(RUN, 5)])
        writer.write([replace(point(OTHER, step=1), loss=math.nan)])
        writer.set_state(RUN, 1, RunState.DONE)
        writer.set_state(OTHER, 1, RunState.DIVERGED, "loss is nan")
        fit = writer.add_fit('{"best": "power"}', RUN)
        writer.add_prediction(OTHER, fit, 2.0, 1.9, 2.1)
        requests.ask(path, "stop", {"now": False})


def dump(path: Path) -> str:
    """A store as SQL, its marks included."""
    connection = sqlite3.connect(path)
    try:
        marks = [f"PRAGMA {name} = {connection.execute(f'PRAGMA {name}').fetchone()[0]};" for name in _MARKS]
        # AUTOINCREMENT's own table comes into being by itself; only its rows are ours to set.
        lines = [line for line in connection.iterdump() if "writable_schema" not in line]
        return "\n".join([*marks, *lines, ""])
    finally:
        connection.close()


def load(version: int, path: Path) -> None:
    """The store of that version, as a file in WAL mode, which is how it was left."""
    connection = sqlite3.connect(path)
    try:
        connection.executescript((FOLDER / f"v{version}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def versions() -> list[int]:
    """The versions there are files of."""
    return sorted(int(path.stem[1:]) for path in FOLDER.glob("v*.sql"))


_MARKS = ("application_id", "user_version")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "lab.db"
        fill(made)
        target = FOLDER / f"v{schema.VERSION}.sql"
        target.write_text(dump(made), encoding="utf-8")
        print(target)
