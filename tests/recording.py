"""Make the shipped recording from a lab: `python -m tests.recording labs/tiny`.

What was measured stays as it is, to the last digit and with its times. What only means something on the machine where
it was trained goes. The laws and predictions are made anew, each from the runs that were finished at its time, so that
they say what today's laws say: to be called again whenever the laws or the store have changed.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from scalelab import recorded
from scalelab.lab.refit import Fitted, Refit, run_table
from scalelab.records import RunKind, RunState
from scalelab.store import schema, seals
from scalelab.store.playback import Playback
from scalelab.store.reader import Reader

PACKED = Path(recorded.__file__).parent / f"{recorded.NAME}.db.gz"
"""Where it ships."""
GONE = ("checkpoint", "request", "usage")
"""Tables of what was there and is no more."""
ROUNDED = {"lr": 8, "grad_norm": 4, "tokens_per_second": 1, "seconds": 3}
"""Decimals of what is drawn and never fitted: more of them are noise that does not pack."""


def make(lab: Path, target: Path = PACKED) -> int:
    """Pack a lab; the bytes that it takes."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "lab.db"
        with Reader(lab / "lab.db") as reader, closing(sqlite3.connect(store)) as db:
            reader.copy_to(db)
            schema.prepare(db, store)
            _strip(db)
            _seal(db)
            db.commit()
        fits = _refit(store, Path(folder) / "growing.db")
        with closing(sqlite3.connect(store, isolation_level=None)) as db:
            _keep(db, fits)
            _seal(db)
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("VACUUM")
        packed = gzip.compress(store.read_bytes(), 9, mtime=0)
    target.write_bytes(packed)
    return len(packed)


def _strip(db: sqlite3.Connection) -> None:
    for table in GONE:
        db.execute(f"DELETE FROM {table}")
    (text,) = db.execute("SELECT value FROM meta WHERE key = 'tokens'").fetchone()
    db.execute("UPDATE meta SET value = ? WHERE key = 'tokens'", (json.dumps(json.loads(text) | {"directory": ""}),))
    rounded = ", ".join(f"{name} = round({name}, {digits})" for name, digits in ROUNDED.items())
    db.execute(f"UPDATE point SET {rounded}")


def _seal(db: sqlite3.Connection) -> None:
    """What was rounded and fitted anew is what is vouched for from now on."""
    db.execute("DELETE FROM seal")
    seals.seal_all(db)


def _refit(store: Path, growing: Path) -> list[Fitted]:
    """The fits of the store by today's laws, each at the moment when its last run had ended."""
    with Reader(store) as reader:
        wanted = [fit.after_run for fit in reader.fits()]
        ends = {change.run: change.time for change in reader.states() if change.state is RunState.DONE}
    playback, refit, found = Playback(store, growing), Refit(limit=60.0), []
    with Reader(growing) as reader, closing(playback):
        for run in wanted:
            playback.advance(ends[run])
            rows = reader.runs()
            to_come = [row.spec for row in rows if row.state in {RunState.PLANNED, RunState.RUNNING}]
            points = [spec for spec in to_come if spec.kind is not RunKind.TRUNK]
            refit.start(run_table(reader), [row.spec for row in rows], points, run)
            while (fitted := refit.poll()) is None:
                time.sleep(0.01)
            assert fitted.json, fitted.error
            found.append(fitted)
    return found


def _keep(db: sqlite3.Connection, fits: list[Fitted]) -> None:
    db.execute("DELETE FROM prediction")
    for number, (fitted, (when,)) in enumerate(
        zip(fits, db.execute("SELECT time FROM fit ORDER BY id").fetchall(), strict=True), start=1
    ):
        db.execute("UPDATE fit SET json = ? WHERE id = ?", (fitted.json, number))
        db.executemany(
            "INSERT INTO prediction (run, fit, time, loss, low, high, observed, scored) SELECT ?, ?, ?, ?, ?, ?, "
            "(SELECT loss FROM evaluation WHERE run = r.run AND final), changed FROM run r WHERE run = ?",
            [(run, number, when, loss, low, high, run) for run, loss, low, high in fitted.predictions],
        )
    # The ids begin at 1 again: they say the order, and what was taken out had none.
    db.execute("UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM prediction) WHERE name = 'prediction'")


if __name__ == "__main__":
    print(f"{PACKED}: {make(Path(sys.argv[1])) / 1000:.0f} kB")
