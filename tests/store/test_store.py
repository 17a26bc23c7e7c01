from __future__ import annotations

import math
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from scalelab.errors import ScalelabError
from scalelab.records import Outcome, RunState
from scalelab.store import requests
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.store import fixtures
from tests.store.samples import evaluation, point, saved, spec

RUN = "16x1-D1k-s0"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.db"


def test_what_is_written_comes_back_equal(path: Path) -> None:
    first, second = spec(), spec("32x1-D1k-s0", seed=3)
    with Writer(path) as writer, Reader(path) as reader:
        writer.create("name = 'x'\n")
        writer.add_runs([(first, 1.5), (second, 2.5)])
        writer.set_state(RUN, 1, RunState.RUNNING)
        writer.write(
            [
                point(step=1),
                point(step=2),
                evaluation(),
                saved(for_branch=True),
                Outcome(run=RUN, attempt=1, state=RunState.DONE, step=10),
            ]
        )
        writer.set_state(RUN, 1, RunState.DONE, "whole")
        fit = writer.add_fit('{"a": 1}', RUN)
        writer.add_prediction(second.run, fit, 2.0, 1.9, 2.1)
        writer.score(second.run, 2.05)
        rows = reader.runs()
        assert [row.spec for row in rows] == [first, second]
        assert (rows[0].state, rows[0].attempt, rows[0].step, rows[0].reason) == (RunState.DONE, 1, 10, "whole")
        assert (rows[0].progress, rows[1].progress, rows[1].expected_seconds) == (1.0, 0.0, 2.5)
        assert reader.points(RUN) == [point(step=1), point(step=2)]
        assert reader.points(RUN, after_step=1) == [point(step=2)]
        assert reader.latest_points() == {RUN: point(step=2)}
        assert reader.evaluations(RUN) == reader.evaluations() == reader.finals() == [evaluation()]
        assert reader.checkpoints(RUN) == [saved(for_branch=True)]
        assert [(change.state, change.step) for change in reader.states(RUN)] == [
            (RunState.RUNNING, 0),
            (RunState.DONE, 10),
        ]
        assert reader.meta("preset") == "name = 'x'\n"
        latest = reader.latest_fit()
        assert latest is not None and (latest.id, latest.after_run, latest.json) == (fit, RUN, '{"a": 1}')
        (prediction,) = reader.predictions()
        assert prediction.inside and prediction.miss == pytest.approx(-0.05 / 2.05)


def test_a_replayed_step_replaces_its_row_and_a_poll_sees_the_replay(path: Path) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        writer.write([point(step=step) for step in (1, 2, 3)])
        points, cursor = reader.points_since()
        assert [p.step for p in points] == [1, 2, 3]
        assert reader.points_since(cursor) == ([], cursor)
        again = point(step=3, attempt=2)
        writer.write([again, point(step=4, attempt=2)])
        points, _ = reader.points_since(cursor)
        assert points == [again, point(step=4, attempt=2)]
        assert [p.attempt for p in reader.points(RUN)] == [1, 1, 2, 2]


def test_only_the_annealed_end_of_a_done_run_is_final(path: Path) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        writer.add_runs([(spec(), 1.0), (spec("b"), 1.0), (spec("c"), 1.0)])
        writer.write([evaluation(), evaluation("b", final=False), evaluation("c")])
        writer.set_state("b", 1, RunState.DONE)
        writer.set_state("c", 1, RunState.FAILED)
        assert reader.finals() == []
        writer.set_state(RUN, 1, RunState.DONE)
        assert [e.run for e in reader.finals()] == [RUN]


def test_nan_and_infinity_survive(path: Path) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        writer.write([replace(point(), loss=math.nan, grad_norm=math.inf)])
        (found,) = reader.points(RUN)
        assert math.isnan(found.loss) and found.grad_norm == math.inf


def test_files_are_for_their_owner_only(path: Path) -> None:
    with Writer(path) as writer:
        writer.set_meta("a", "b")
        for file in path.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_changed_notices_other_processes_only_when_they_write(path: Path) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        assert reader.changed()
        assert not reader.changed()
        writer.set_meta("a", "b")
        assert reader.changed()
        assert not reader.changed()


def test_a_request_reaches_the_writer_once_and_its_answer_the_reader(path: Path) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        assert writer.requests() == []
        number = reader.request("stop", {"now": True})
        (request,) = writer.requests()
        assert (request.id, request.verb, request.args) == (number, "stop", {"now": True})
        assert writer.requests() == []
        writer.answer(number, "stopping")
        assert [(r.reply, r.handled is not None) for r in reader.requests()] == [("stopping", True)]


def test_a_request_to_no_lab_leaves_no_file(path: Path) -> None:
    with pytest.raises(ScalelabError):
        requests.ask(path, "stop")
    assert not path.exists()


def test_a_foreign_lock_makes_the_writer_wait_and_loses_nothing(path: Path) -> None:
    with Writer(path, busy_seconds=0.01) as writer, Reader(path) as reader:
        foreign = sqlite3.connect(path, isolation_level=None)
        foreign.execute("BEGIN IMMEDIATE")
        for step in range(1, 21):
            writer.write([point(step=step)])
        assert writer.waiting is not None and "locked" in writer.waiting
        foreign.execute("COMMIT")
        foreign.close()
        assert writer.commit() and writer.waiting is None
        assert [p.step for p in reader.points(RUN)] == list(range(1, 21))


def test_a_full_disk_makes_the_writer_wait_and_loses_nothing(path: Path) -> None:
    with Writer(path) as writer, Reader(path) as reader:
        writer._db.execute("PRAGMA max_page_count = 40")
        for block in range(20):
            writer.write([point(step=100 * block + step) for step in range(100)])
        assert writer.waiting is not None and "full" in writer.waiting
        writer._db.execute("PRAGMA max_page_count = 1000000")
        assert writer.commit()
        assert len(reader.points(RUN)) == 2000


_WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from scalelab.store.writer import Writer
from tests.store.samples import point
writer = Writer(Path(sys.argv[1]))
writer.write([point(step=step) for step in range(1, 501)])
print("written", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_reader_sees_all_acknowledged_rows_after_the_writer_was_killed(path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", _WRITE_AND_DIE, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (child.returncode, child.stdout) == (-signal.SIGKILL, "written\n"), child.stderr
    with Reader(path) as reader:
        assert len(reader.points(RUN)) == 500
    with Writer(path) as writer:
        writer.write([point(step=501)])
    with Reader(path) as reader:
        assert len(reader.points(RUN)) == 501


def test_readers_work_while_a_writer_writes(path: Path) -> None:
    with Writer(path) as writer:
        counts: list[int] = []
        done = threading.Event()

        def read() -> None:
            with Reader(path) as reader:
                while not done.is_set():
                    counts.append(len(reader.points(RUN)))
                counts.append(len(reader.points(RUN)))

        thread = threading.Thread(target=read)
        thread.start()
        for step in range(300):
            writer.write([point(step=step)])
        done.set()
        thread.join()
    assert counts == sorted(counts) and counts[-1] == 300
    assert writer.waiting is None


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_what_is_no_store_is_refused_by_the_reader(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ScalelabError):
        Reader(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_never_written_to(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(ScalelabError, match="not a store"):
        Writer(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    connection.close()


def test_a_torn_page_is_noticed_when_the_store_is_opened(path: Path) -> None:
    with Writer(path) as writer:
        writer.write([point(step=step) for step in range(2000)])
    content = bytearray(path.read_bytes())
    content[8 * 4096 : 9 * 4096] = os.urandom(4096)
    path.write_bytes(bytes(content))
    with pytest.raises(ScalelabError, match="damaged"):
        Writer(path)


def test_a_reader_of_a_folder_it_may_not_write_to(path: Path) -> None:
    with Writer(path) as writer:
        writer.set_meta("a", "b")
    path.parent.chmod(0o500)
    try:
        with Reader(path) as reader:
            assert reader.meta("a") == "b"
    finally:
        path.parent.chmod(0o700)


@pytest.mark.parametrize(("table", "column"), [("evaluation", "loss"), ("part_evaluation", "loss"), ("score", "value")])
def test_a_measure_with_a_flipped_bit_is_refused_and_known_to_the_next_writer(
    path: Path, table: str, column: str
) -> None:
    fixtures.fill(path)
    with Reader(path) as reader:
        assert (len(reader.finals()), len(reader.parts()), len(reader.scores())) == (1, 1, 1)
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE {table} SET {column} = {column} * 1.0000001")
    with Reader(path) as reader:
        measured = {"evaluation": reader.finals, "part_evaluation": reader.parts, "score": reader.scores}
        with pytest.raises(ScalelabError, match="of 16x1-D1k-s0 are not as they were written"):
            measured[table]()
    with Writer(path) as writer:
        assert writer.unsound == [(table, "16x1-D1k-s0")]


def test_a_reader_sees_other_processes_also_after_a_writer_of_its_own_process_has_come_and_gone(path: Path) -> None:
    """As where the app grows a lab: a descriptor closed beside sqlite let go of the reader's lock on the store, the
    next supervisor that ended removed the log under it, and it read of the lab as it had been for ever.
    """
    write = (
        "import sys; from pathlib import Path; from scalelab.store.writer import Writer\n"
        "with Writer(Path(sys.argv[1])) as writer: writer.set_meta('n', sys.argv[2])"
    )
    Writer(path).close()
    with Reader(path) as reader:
        reader.changed()
        Writer(path).close()
        for number in ("1", "2"):
            subprocess.run([sys.executable, "-c", write, str(path), number], check=True, cwd=Path(__file__).parents[2])
            assert reader.changed() and reader.meta("n") == number
        requests.ask(path, "stop")
        assert len(reader.requests()) == 1
    with Reader(path) as reader:
        assert len(reader.requests()) == 1
