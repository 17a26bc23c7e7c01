"""The store under real faults: system calls that fail, a foreign lock under load, clocks that jump, torn pages."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from scalelab.errors import ScalelabError
from scalelab.lab.local import LocalWorker
from scalelab.records import RunState, pack
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.reliability.disks import small_disk
from tests.reliability.tally import Tally
from tests.store import fixtures
from tests.store.samples import point, spec

ROOT = Path(__file__).parents[2]
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes system calls fail")

_WRITE = """
import sys
from pathlib import Path
from scalelab.store.writer import Writer
from scalelab.records import RunState
from tests.store.samples import point
writer, waited, claimed = Writer(Path(sys.argv[1])), 0, 0
for block in range(20):
    with writer.batch(durable=True):
        writer.write([point(step=20 * block + step) for step in range(1, 21)])
    waited += writer.waiting is not None
    if writer.waiting is None:
        claimed = 20 * (block + 1)
while not writer.commit():
    waited += 1
print(waited, 400, flush=True)
import os
os._exit(0)
"""


@needs_strace
@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_row_10_a_store_that_cannot_be_synced_or_written_claims_nothing_and_loses_nothing(
    tmp_path: Path, tally: Tally, call: str
) -> None:
    """A call fails with EIO again and again; what was claimed is there, and all is there once it works again."""
    silent = waited = 0
    n = tally.repeats(2, 20)
    for trial in range(n):
        path = tmp_path / f"{trial}.db"
        Writer(path).close()
        fault = f"inject={call}:error=EIO:when={12 + 3 * trial}..{15 + 3 * trial}"
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", fault, sys.executable, "-c", _WRITE, str(path)]
        told = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout.split()
        waited += int(told[0]) > 0
        with Reader(path) as reader:
            steps = [each.step for each in reader.points("16x1-D1k-s0")]
        silent += steps[: int(told[1])] != list(range(1, int(told[1]) + 1)) or int(told[1]) != 400
    assert waited, "no fault was met"
    tally.count(10, f"stores whose {call} failed and that claimed or lost a row", silent, of=n, promised="0")
    assert silent == 0


def test_row_09_a_store_on_a_full_disk_waits_with_its_path_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        path = disk.root / "lab.db"
        with Writer(path) as writer:
            writer.write([point(step=1)])
            disk.fill()
            for step in range(2, 4000):
                writer.write([point(step=step)])
                if writer.waiting:
                    break
            assert writer.waiting and str(path) in writer.waiting and "full" in writer.waiting and writer.overfull
            disk.make_room()
            assert writer.commit() and not writer.overfull
            with Reader(path) as reader:
                assert [each.step for each in reader.points("16x1-D1k-s0")] == list(range(1, step + 1))


def test_row_10_a_store_that_may_not_be_written_is_told_with_its_path(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        path = disk.root / "lab.db"
        Writer(path).close()
        disk.options("ro")
        with pytest.raises(ScalelabError, match=rf"store {path} cannot be written \(read-only"):
            Writer(path)
        with Reader(path) as reader:
            assert reader.runs() == []
        disk.options("rw")


def test_row_10_a_store_that_is_taken_away_while_it_is_written_is_an_error_and_not_a_silent_loss(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lab.db"
    writer = Writer(path)
    writer.write([point(step=1)])
    path.rename(tmp_path / "elsewhere.db")
    with pytest.raises(ScalelabError, match="removed or replaced"):
        writer.write([point(step=2)])
    writer._queue.clear()
    writer.close()


def _feed(pipe: Connection, run: str, rows: int) -> None:
    for step in range(1, rows + 1):
        pipe.send_bytes(pack(point(run, step=step)))
    pipe.close()


class _Ended:
    pid, exitcode = 1, 0


def test_row_13_sixteen_feeders_at_full_rate_a_foreign_reader_and_a_foreign_lock_lose_nothing(
    tmp_path: Path, tally: Tally
) -> None:
    path, feeders, rows = tmp_path / "lab.db", 16, tally.repeats(3_000, 20_000)
    locked = float(tally.repeats(1, 20))
    context = multiprocessing.get_context("fork")
    workers, errors, counts = [], 0, [0]
    done, holds, met = threading.Event(), threading.Event(), threading.Event()

    def read() -> None:
        nonlocal errors
        cursor = 0
        with Reader(path) as reader:
            while not done.wait(0.05):
                try:
                    points, cursor = reader.points_since(cursor)
                    counts.append(counts[-1] + len(points))
                except ScalelabError:
                    errors += 1

    def hold() -> None:
        foreign = sqlite3.connect(path, isolation_level=None, timeout=30)
        foreign.execute("BEGIN EXCLUSIVE")
        holds.set()
        time.sleep(locked)
        met.wait(60)
        foreign.execute("COMMIT")
        foreign.close()

    with Writer(path) as writer:
        writer.add_runs([(spec(f"r{index}"), 1.0) for index in range(feeders)])
        others = [threading.Thread(target=read), threading.Thread(target=hold)]
        children = []
        for index in range(feeders):
            ours, theirs = context.Pipe()
            children.append(context.Process(target=_feed, args=(theirs, f"r{index}", rows)))
            children[-1].start()
            theirs.close()
            workers.append(LocalWorker(_Ended(), ours))  # type: ignore[arg-type]
        began, waited, taken, locked_since = time.monotonic(), 0, 0, 0.0
        others[0].start()
        while taken < feeders * rows:
            if taken and not others[1].ident:
                others[1].start()
                holds.wait()
                locked_since = time.monotonic()
            with writer.batch():
                for worker in workers:
                    messages = worker.messages()
                    taken += len(messages)
                    writer.write(messages)
            if writer.waiting:
                waited += 1
                met.set()
        writer.commit()
        waited += writer.waiting is not None
        met.set()
        others[1].join()
        assert writer.commit()
        took = time.monotonic() - began
        done.set()
        others[0].join()
        for child in children:
            child.join()
    with Reader(path) as reader:
        kept = sum(len(reader.points(f"r{index}")) for index in range(feeders))
    # While the lock was held nothing could be written; what it held up came after it.
    rate = feeders * rows / (took - min(locked, time.monotonic() - locked_since))
    lost = feeders * rows - kept
    tally.value(13, "rows a second from 16 feeders, beside a reader", f"{rate:,.0f}", promised="5,000 or more")
    tally.count(13, f"rows lost to a foreign lock of {locked:g} s", lost, of=feeders * rows, promised="0")
    tally.value(13, "errors of the reader", str(errors), promised="0")
    assert waited and lost == 0 and errors == 0 and counts == sorted(counts)


def test_row_15_a_clock_that_jumps_a_day_changes_no_order(tmp_path: Path, tally: Tally) -> None:
    path, now = tmp_path / "lab.db", [1e9]
    with Writer(path, clock=lambda: now[0]) as writer, Reader(path) as reader:
        writer.add_runs([(spec(), 1.0)])
        for step, jump in enumerate([0, 86_400, -2 * 86_400, 3_600, -7 * 86_400], 1):
            now[0] += jump
            writer.set_state("16x1-D1k-s0", step, RunState.RUNNING)
            writer.write([point(step=step, attempt=step)])
            writer.add_fit(f'{{"n": {step}}}', "16x1-D1k-s0")
        assert [change.attempt for change in reader.states()] == [1, 2, 3, 4, 5]
        assert [each.step for each in reader.points("16x1-D1k-s0")] == [1, 2, 3, 4, 5]
        assert [fit.id for fit in reader.fits()] == [1, 2, 3, 4, 5]
        latest = reader.latest_fit()
        assert latest is not None and latest.json == '{"n": 5}'
        steps = [each.step for each in reader.points("16x1-D1k-s0")]
        backwards = sum(after < before for before, after in pairwise(steps))
    tally.count(15, "rows out of order after the clock jumped", backwards, of=5, promised="0")


def _content(path: Path) -> list[object]:
    """What the lab relies on: not who asked what, nor what a device was doing."""
    with Reader(path) as reader:
        parts = [reader.runs(), reader.points(fixtures.RUN), reader.points(fixtures.OTHER), reader.evaluations()]
        parts += [reader.states(), reader.fits(), reader.predictions(), reader.meta("preset")]
        parts += [reader.scores(), reader.parts()]
        return [str(part) for part in parts]


def test_row_11_a_flipped_bit_in_a_store_is_found_or_changes_nothing(tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "lab.db"
    fixtures.fill(path)
    with Writer(path) as writer:
        writer.write([point(fixtures.RUN, step=step) for step in range(11, 400)])
        writer.set_state(fixtures.RUN, 1, RunState.DONE)
    sound, content, draw = path.read_bytes(), _content(path), random.Random(11)
    silent = found = 0
    n = tally.repeats(10, 200)
    for _ in range(n):
        torn = bytearray(sound)
        torn[draw.randrange(len(torn))] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(torn))
        try:
            with Writer(path) as writer:
                noticed = bool(writer.unsound)
            noticed = noticed or _content(path) == content
            found += not noticed or _content(path) != content
        except ScalelabError:
            noticed, found = True, found + 1
        silent += not noticed
        for beside in tmp_path.glob("lab.db-*"):
            beside.unlink()
    tally.count(11, f"stores with one flipped bit read in silence ({found} found, the rest changed nothing)", silent,
                of=n, promised="0")  # fmt: skip
    assert silent == 0
