"""Stores on file systems that hold no WAL. No network mount is to be had here: what is said of one is a fake."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scalelab.store import schema
from scalelab.store.check import check_store
from scalelab.store.reader import Reader
from scalelab.store.writer import Writer
from tests.reliability.disks import small_disk
from tests.reliability.tally import Tally
from tests.store.samples import point

ROOT = Path(__file__).parents[2]
RUN = "16x1-D1k-s0"


def test_row_14_network_mounts_are_known_by_the_longest_mount_point(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "root / ext4 rw 0 0\nserver:/x /data nfs4 rw 0 0\ndisk /data/local xfs rw 0 0\n"
        "me@there:/ /far fuse.sshfs rw 0 0\nshare /windows cifs rw 0 0\n"
    )
    assert schema.on_network(Path("/data/lab/lab.db"), mounts)
    assert schema.on_network(Path("/far/lab.db"), mounts) and schema.on_network(Path("/windows/a/lab.db"), mounts)
    assert not schema.on_network(Path("/data/local/lab.db"), mounts)
    assert not schema.on_network(Path("/database/lab.db"), mounts)
    assert not schema.on_network(Path("/x"), tmp_path / "none")


def test_row_14_another_local_file_system_keeps_its_wal(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk, Writer(disk.root / "lab.db") as writer:
        assert writer.journal == "wal"


def test_row_14_where_no_wal_can_be_the_store_works_with_a_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lab.db"
    Writer(path).close()  # one that was made on a local disk and moved
    monkeypatch.setattr(schema, "on_network", lambda _: True)
    with Writer(path) as writer, Reader(path) as reader:
        assert writer.journal == "delete"
        writer.write([point(step=1)])
        assert reader.points(RUN) == [point(step=1)]
        reader.request("stop")
        assert [r.verb for r in writer.requests()] == ["stop"]


_WRITE = """
import sys
from pathlib import Path
from scalelab.store import schema
schema.on_network = lambda path: True  # the fake
from scalelab.store.writer import Writer
from tests.store.samples import point, spec
with Writer(Path(sys.argv[1])) as writer:
    assert writer.journal == "delete"
    writer.add_runs([(spec(), 1.0)])
    for step in range(1, 100_000):
        writer.write([point(step=step)])
        print(step, flush=True)
"""


def test_row_14_a_killed_writer_with_a_rollback_journal_leaves_a_whole_store(tmp_path: Path, tally: Tally) -> None:
    corrupt = 0
    n, draw = tally.repeats(3, 40), random.Random(14)
    for trial in range(n):
        path = tmp_path / f"{trial}.db"
        child = subprocess.Popen([sys.executable, "-c", _WRITE, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline()) for _ in range(draw.randint(1, 60))]
        child.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in child.stdout.read().split()]
        child.wait()
        with Writer(path) as writer:  # rolls back what was half written
            writer.write([point(step=200_000)])
        with Reader(path) as reader:
            steps = [each.step for each in reader.points(RUN)]
        corrupt += bool(check_store(path)) or steps[: len(acknowledged)] != acknowledged
    tally.count(
        14, "stores with a rollback journal corrupt or short of a row after a kill", corrupt, of=n, promised="0"
    )
    assert corrupt == 0
